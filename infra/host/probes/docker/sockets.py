"""Find the group that may use the engine's Unix socket, and the sockets of other engines."""

import grp
import os
import pwd
from pathlib import Path

from infra.host.probes.docker.endpoint import DEFAULT_HOST, Endpoint

# The sockets of engines other than the system's: rootless Docker, Docker Desktop, Colima, Podman.
# `docker` uses them only if a context or DOCKER_HOST names them.
_BELOW_RUNTIME_DIR = ("docker.sock", "podman/podman.sock")
_BELOW_HOME = (
    ".docker/run/docker.sock",
    ".docker/desktop/docker.sock",
    ".colima/default/docker.sock",
)


def find_other_sockets(endpoint: Endpoint) -> tuple[str, ...]:
    """Return the addresses of the existing sockets of other engines."""
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    paths = [Path(DEFAULT_HOST.removeprefix("unix://"))]
    paths += [runtime / name for name in _BELOW_RUNTIME_DIR]
    paths += [Path.home() / name for name in _BELOW_HOME]
    return tuple(
        f"unix://{path}" for path in paths if _is_socket(path) and str(path) != endpoint.socket
    )


def _is_socket(path: Path) -> bool:
    try:
        return path.is_socket()
    except OSError:
        return False


def read_owner_group(endpoint: Endpoint) -> tuple[str | None, bool]:
    """Return the group that may use the socket, and whether this user is listed in it.

    A user who is listed but still refused was added to the group after logging in.
    """
    try:
        group = grp.getgrgid(Path(endpoint.socket).stat().st_gid)
        user = pwd.getpwuid(os.getuid()).pw_name
    except (OSError, KeyError):  # a folder on the path is not accessible, or an ID has no name
        return None, False
    return group.gr_name, user in group.gr_mem
