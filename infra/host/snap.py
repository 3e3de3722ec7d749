"""Recognize Docker from a snap, which confines daemon and client to certain folders.

https://github.com/canonical/docker-snap (README) and https://snapcraft.io/docs/home-interface
"""

import re

from infra.host.facts import ComposePlugin, Engine

# $SNAP_COMMON/var-lib-docker; `snap set docker data-root=...` can move it.
_ROOT = "/var/snap/docker/"
_PROGRAMS = "/snap/"

# The interface `home` grants the folders below /home and root's own, except entries whose name
# begins with a dot. In a recorded host, ~ is the home folder.
_VISIBLE = re.compile(r"(/home/[^/]+|/root|~)(/(?!\.)|$)")


def is_from_snap(engine: Engine) -> bool:
    """Return whether the engine comes from the snap `docker`."""
    return engine.root_dir.startswith(_ROOT)


def is_client_from_snap(plugin: ComposePlugin) -> bool:
    """Return whether the `docker` program comes from the snap."""
    return plugin.docker_client.startswith(_PROGRAMS)


def is_visible_to_snap(folder: str) -> bool:
    """Return whether the snap's Docker can read the files in a folder."""
    return _VISIBLE.match(folder) is not None
