"""Remedies that install `docker compose` as a single file in the user's plugin folder."""

import shlex

from infra.doctor.finding import Remedy
from infra.doctor.remedies.quoting import quote_path
from infra.host.facts import SystemFacts

_FOLDER = "~/.docker/cli-plugins"
_FILE = f"{_FOLDER}/docker-compose"
_RELEASES = "https://github.com/docker/compose/releases/latest/download"

# The architectures that Docker Compose's release files name differently from `uname -m`.
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "armv7l": "armv7", "armv6l": "armv6"}


def install_plugin(
    system: SystemFacts | None, title: str = "Install Compose V2 for this user"
) -> Remedy:
    """Return the remedy that installs the newest Compose for this user, as Docker documents it.

    On systems other than Linux, the remedy is to install Docker Desktop.
    """
    if system is None or system.system != "Linux":
        return Remedy("Install Docker Desktop, which includes it: https://docs.docker.com/desktop/")
    machine = _MACHINES.get(system.machine, system.machine)
    url = shlex.quote(f"{_RELEASES}/docker-compose-linux-{machine}")
    return Remedy(
        title,
        (
            f"mkdir -p {_FOLDER}",
            f"curl -fSL -o {_FILE} {url}",
            f"chmod +x {_FILE}",
            "docker compose version",
        ),
        breaks="adds one file to your home folder; remove the file to undo this",
        undo=(f"rm -f {_FILE}",),
    )


def link_plugin(path: str) -> Remedy:
    """Return the remedy that links a standalone `docker-compose` (V2 or later) as the plugin."""
    return Remedy(
        "Link it as the plugin for this user",
        (f"mkdir -p {_FOLDER}", f"ln -s {quote_path(path)} {_FILE}"),
        automatic=True,
        breaks="adds one link to your home folder; remove the link to undo this",
        undo=(f"rm {_FILE}",),
    )


# The snap's `docker` cannot see ~/.docker; it has included the plugin since 2022
# (https://github.com/canonical/docker-snap/pull/70).
REFRESH_SNAP = Remedy(
    "Update the Docker snap, which includes it",
    ("sudo snap refresh docker",),
    breaks="restarts the daemon and all containers",
)

SEE_QCA201 = Remedy("Use Compose V2; this shows how to install it", ("qca doctor --only QCA201",))
