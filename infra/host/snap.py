"""Docker from a snap: the daemon and its client are confined, and see less than they seem to.

https://github.com/canonical/docker-snap (README) and https://snapcraft.io/docs/home-interface
"""

import re

from infra.host.facts import ComposePlugin, Engine

# $SNAP_COMMON/var-lib-docker; `snap set docker data-root=...` may put it elsewhere.
_ROOT = "/var/snap/docker/"
_PROGRAMS = "/snap/"

# The interface `home` gives the folders of /home and root's own, but nothing there whose
# name begins with a dot. A recorded host has ~ for the home folder.
_VISIBLE = re.compile(r"(/home/[^/]+|/root|~)(/(?!\.)|$)")


def is_from_snap(engine: Engine) -> bool:
    """Whether the engine is the one of the snap `docker`."""
    return engine.root_dir.startswith(_ROOT)


def is_client_from_snap(plugin: ComposePlugin) -> bool:
    """Whether the `docker` program that was asked is the snap's."""
    return plugin.docker_client.startswith(_PROGRAMS)


def is_visible_to_snap(folder: str) -> bool:
    """Whether the snap's Docker can read the files of a folder."""
    return _VISIBLE.match(folder) is not None
