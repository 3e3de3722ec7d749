"""Probe buildx, the `docker` plugin that Compose builds images with.

The plugin is run directly, since `docker buildx version` starts it twice and takes twice as long.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError

# docker/cli cli-plugins/manager: the user's folder, then the system's.
_SYSTEM_FOLDERS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
# "github.com/docker/buildx v0.17.1 257815a"; Debian's build prints "0.13.1+ds1", without the v.
_VERSION = re.compile(r"/buildx v?(\d\S*)")


def ask_buildx_version(deadline: Deadline) -> str | None:
    """Return buildx's version; empty if it is not installed, None if it prints no version."""
    plugin = next((path for path in _list_places() if os.access(path, os.X_OK)), None)
    if plugin is None:
        return ""
    try:
        match = _VERSION.search(deadline.run([plugin, "version"]).stdout)
    except ProbeError:
        return None
    return match[1] if match else None


def _list_places() -> Iterator[Path]:
    own = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "cli-plugins"
    for folder in (own, *map(Path, _SYSTEM_FOLDERS)):
        yield folder / "docker-buildx"
