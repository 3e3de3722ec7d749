#!/usr/bin/env bash
# Makes a virtual environment with docker-compose 1.29.2 and the given versions of the three
# libraries whose newer releases break it, and prints the path of its docker-compose.
#
#   compose-v1.sh FOLDER docker==6.1.3 requests==2.31.0 urllib3==1.26.20
#
# All is installed with --no-deps: the point is to have combinations that pip would refuse.
set -euo pipefail

[[ $# -ge 4 ]] || { echo "usage: $0 FOLDER docker==X requests==Y urllib3==Z [PACKAGE...]" >&2; exit 1; }
folder=$1
shift

# What V1 imports besides. PyYAML 6 works in practice, and 5.4.1 builds only with an old Cython;
# jsonschema below 4, python-dotenv below 1 and websocket-client below 1 are its own bounds;
# six is docker 5's, packaging docker 6's, chardet requests 2.25's; distutils, gone from Python
# 3.12, is in setuptools below 81.
OTHERS=('docker-compose==1.29.2' 'PyYAML>=6,<7' 'jsonschema>=3,<4' 'python-dotenv<1'
  'websocket-client<1' cached-property distro docopt dockerpty texttable attrs pyrsistent six
  packaging certifi charset-normalizer chardet 'idna<4' 'setuptools<81')

mkdir -p "$(dirname "$folder")"
exec 9>"$folder.lock"
flock 9
if [[ ! -e $folder/complete ]]; then
  rm -rf "$folder"
  python3 -m venv "$folder" >&2
  "$folder/bin/pip" install -qq --disable-pip-version-check --no-deps "${OTHERS[@]}" "$@" >&2
  touch "$folder/complete"
fi
echo "$folder/bin/docker-compose"
