#!/bin/sh
# What the entrypoint of Dragonfly's image does (tools/docker/entrypoint.sh).
set -e

# A first argument that is an option is one for the server.
if [ "${1#-}" != "$1" ]; then
    set -- dragonfly --logtostderr "$@"
fi

# Started as root: hand over the data, then become dfly. Needs capabilities; a container that
# drops them all has to be started with `user:`.
if [ "$1" = dragonfly ] && [ "$(id -u)" = 0 ]; then
    find . ! -user dfly -exec chown dfly {} +
    exec setpriv --reuid=dfly --regid=dfly --clear-groups -- "$0" "$@"
fi
exec "$@"
