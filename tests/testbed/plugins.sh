# shellcheck shell=bash
# shellcheck disable=SC2034  # DOCKER_CONFIG_CURRENT is for `testbed`, which sources this file
# Compose V2 (and buildx, which `RUN --mount` in a Dockerfile needs) as plugins of the docker
# client, in folders of our own that tests name in DOCKER_CONFIG.
#
# Debian 12 has neither, later suites do, and their Go programs run here (they need libc 2.34).

# current is what the tests use, older is the oldest that the project supports.
CURRENT_SUITE=sid    # Compose 2.40.3, buildx 0.29 in November 2026
OLDER_SUITE=trixie   # Compose 2.26.1, buildx 0.13
OLDEST_COMPOSE=2.26  # below it `version:` and others are read differently

plugins_up() {
  if [[ -z $(own_engine_pid) ]] && compose_is_new_enough; then
    say "using this machine's Compose $(docker compose version --short)"
    DOCKER_CONFIG_CURRENT=${DOCKER_CONFIG:-}
    return
  fi
  install_plugins current "$CURRENT_SUITE"
  install_plugins older "$OLDER_SUITE"
  DOCKER_CONFIG_CURRENT="$CACHE/docker-config/current"
}

compose_is_new_enough() {
  local version
  version=$(docker compose version --short 2>/dev/null) || return 1
  printf '%s\n' "$OLDEST_COMPOSE" "${version#v}" | sort --check=silent --version-sort
}

# install_plugins NAME SUITE
install_plugins() {
  local plugins="$CACHE/docker-config/$1/cli-plugins"
  [[ -x $plugins/docker-compose && -x $plugins/docker-buildx ]] || fetch_plugins "$plugins" "$2"
  say "Compose $("$plugins/docker-compose" version --short) is in DOCKER_CONFIG=$CACHE/docker-config/$1"
}

# fetch_plugins FOLDER SUITE
fetch_plugins() {
  local work
  work=$(work_dir)
  extract_from_suite "$work" "$2" docker-compose docker-buildx
  mkdir -p "$1"
  install -m 755 "$work"/root/usr/libexec/docker/cli-plugins/docker-{compose,buildx} "$1"
  remove_tree "$work"
}

# extract_from_suite WORK SUITE PACKAGE...: into WORK/root, with lists, cache and sources of its
# own, so that the machine's apt never hears of the other suite.
extract_from_suite() {
  local work=$1 suite=$2 mirror
  shift 2
  [[ -e /etc/debian_version ]] || die "Compose $OLDEST_COMPOSE or newer is needed (docker compose version)"
  # shellcheck source=/dev/null
  mirror=$(debian_mirror "$(. /etc/os-release && echo "$VERSION_CODENAME")")
  [[ -n $mirror ]] || die "apt-get knows no Debian mirror: run apt-get update"
  mkdir -p "$work"/{sources,lists/partial,cache/archives/partial,root}
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
    >"$work/sources/$suite.list"
  local options=(-qq -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/sources"
    -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root)
  (cd "$work" && apt-get "${options[@]}" update && apt-get "${options[@]}" download "$@") >&2
  for package in "$work"/*.deb; do dpkg -x "$package" "$work/root"; done
}
