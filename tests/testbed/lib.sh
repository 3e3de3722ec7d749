# shellcheck shell=bash
# shellcheck disable=SC2034  # what is set here is used by the scripts that source this file
# What the scripts of the test bed share. Sourced, never run.

# The cache may be emptied at any time; the next `testbed up` fills it again.
CACHE="${XDG_CACHE_HOME:-${HOME:?}/.cache}/qca-testbed"
# Pid file, log, and the daemon's sockets: worthless after a reboot, so not in the cache.
RUN_DIR=/run/qca-testbed
# What tests need to know; written by `testbed up`, read by `testbed env` and fixtures.py.
ENV_FILE="$CACHE/env"

say() { printf 'testbed: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

is_debian_root() { [[ $(id -u) == 0 && -e /etc/debian_version ]] && command -v apt-get >/dev/null; }

# apt_install PACKAGE...: quiet unless it fails.
apt_install() {
  is_debian_root || die "$* must be installed, and that needs root on Debian"
  say "installing $*"
  local log
  log=$(mktemp)
  export DEBIAN_FRONTEND=noninteractive
  if ! { apt-get update && apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die "apt-get could not install $*"
  fi
  rm -f "$log"
}

# need COMMAND PACKAGE: installs PACKAGE where COMMAND is missing.
need() { command -v "$1" >/dev/null || apt_install "$2"; }

# A fresh folder in the cache (not in /tmp, which can be small or mounted noexec).
work_dir() { mkdir -p "$CACHE" && mktemp -d "$CACHE/work.XXXXXX"; }

# remove_tree DIR: unmounts what hangs below DIR before it deletes it, since debootstrap
# mounts /proc in the tree that it makes.
remove_tree() { unmount_below "$1" && rm -rf --one-file-system "$1"; }

unmount_below() {
  awk -v dir="$1/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r | while read -r point; do
    umount "$point" || umount --lazy "$point"
  done
}

# The mirror that this machine takes its own Debian packages from.
debian_mirror() {
  # shellcheck disable=SC2016  # $(...) here is apt's own placeholder syntax
  apt-get indextargets --format '$(COMPONENT) $(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
    awk -v suite="$1" '$1 == "main" && $2 == suite { print $3; exit }'
}
