"""Choose remedies for an engine that cannot be reached, according to the product that provides it.

The address shows the product: https://docs.docker.com/engine/security/rootless/tips/ (rootless
Docker), https://docs.docker.com/desktop/setup/install/linux/ (Docker Desktop).
"""

import re
import shlex
from typing import Literal

from infra.doctor.finding import Remedy
from infra.host.facts import NoEngine, SystemFacts

# The client's default address, if neither DOCKER_HOST nor a context sets another one.
DEFAULT_HOST = "unix:///var/run/docker.sock"

# If `docker` cannot read the certificates that these variables require, `NoEngine.host` is the name
# of one of the variables.
TLS_VARIABLES = ("DOCKER_TLS", "DOCKER_TLS_VERIFY")

Provider = Literal["system", "snap", "rootless", "desktop", "mac", "colima", "podman", "remote"]

_RESTARTS = "stops all running containers, unless the daemon's live-restore is on"
_SOCKETS: dict[str, Provider] = {
    r"/podman": "podman",
    r"/\.colima/": "colima",
    r"/\.docker/(desktop|run)/": "desktop",
    r"^unix:///run/user/\d+/": "rootless",
}


def choose_remedies(
    docker: NoEngine, system: SystemFacts | None, *, is_snap: bool
) -> tuple[Remedy, ...]:
    """Return the remedies for the state of an engine, the most promising first."""
    kind = _classify_system(system)
    if docker.state == "not-installed":
        return _INSTALL[kind]
    provider = find_provider(docker, system, is_snap=is_snap)
    if docker.state == "not-running":
        is_maybe_desktop = kind == "wsl" and provider == "system"
        first = (_START_ON_WINDOWS,) if is_maybe_desktop else ()
        return (*first, *_start(provider, docker.host))
    if docker.state == "no-answer":
        return (*_RESTART.get(provider, ()), _WAIT_LONGER)
    if docker.state == "no-permission":
        return (_LOG_IN_AGAIN,) if docker.group_member else _permit(provider, docker.host)
    return _CHOOSE_ANOTHER[docker.state]


def find_provider(docker: NoEngine, system: SystemFacts | None, *, is_snap: bool) -> Provider:
    """Return the product that provides the engine at this address."""
    if not docker.host.startswith("unix://"):
        return "remote"
    is_mac = _classify_system(system) == "mac"
    for path, provider in _SOCKETS.items():
        if re.search(path, docker.host):
            return "mac" if is_mac and provider == "desktop" else provider
    if is_mac:
        return "mac"
    return "snap" if is_snap else "system"


def use_other_engine(address: str) -> Remedy:
    """Return the remedy that uses another engine on this host."""
    command = f"export DOCKER_HOST={shlex.quote(address)}"
    return Remedy("Use the other engine found on this host (for this shell only)", (command,))


def _classify_system(system: SystemFacts | None) -> Literal["mac", "wsl", "linux"]:
    if system is not None and system.system == "Darwin":
        return "mac"
    return "wsl" if system is not None and system.wsl else "linux"


def _start(provider: Provider, host: str) -> tuple[Remedy, ...]:
    if provider == "remote":
        return (_start_there(host), _UNSET)
    return _START[provider]


def _start_there(host: str) -> Remedy:
    title = "Start the daemon on that machine, if it is not running"
    if not host.startswith("ssh://"):
        return Remedy(title)
    return Remedy(title, (f"ssh {shlex.quote(host)} sudo systemctl start docker",))


def _permit(provider: Provider, host: str) -> tuple[Remedy, ...]:
    if provider in ("system", "desktop", "mac"):
        return (_JOIN_GROUP,)
    if provider == "snap":
        return (_JOIN_SNAP_GROUP,)
    if provider == "remote" and host.startswith("ssh://"):
        return (_log_in(host),)
    return (_USE_CERTIFICATES,) if provider == "remote" else (_UNSET,)


def _log_in(host: str) -> Remedy:
    title = "Log in once manually, to accept the machine's key and to see whether it accepts yours"
    return Remedy(title, (f"ssh {shlex.quote(host)} true",))


FIND_LISTENER = Remedy("Find out which program it is", ("sudo ss -xlp src /var/run/docker.sock",))

UNSET_TLS = Remedy(
    "Unset the variables in this shell; `minikube docker-env` and docker-machine set them, "
    "including in files such as ~/.bashrc",
    ("unset DOCKER_TLS DOCKER_TLS_VERIFY DOCKER_CERT_PATH DOCKER_HOST",),
)

_INSTALL_ENGINE = Remedy(
    "Install Docker Engine and Compose V2 (Docker's own installer, Linux)",
    ("curl -fsSL https://get.docker.com -o get-docker.sh", "sudo sh get-docker.sh"),
    breaks="adds Docker's package source and a daemon that runs as root",
)
_INSTALL_ON_MAC = Remedy(
    "Install Docker Desktop: https://docs.docker.com/desktop/setup/install/mac-install/"
)
_INTEGRATE_WSL = Remedy(
    "If Docker Desktop is installed on Windows, turn on its WSL integration for this distribution "
    "(Settings, Resources): https://docs.docker.com/desktop/features/wsl/"
)
_INSTALL = {
    "linux": (_INSTALL_ENGINE,),
    "mac": (_INSTALL_ON_MAC,),
    "wsl": (_INTEGRATE_WSL, _INSTALL_ENGINE),
}

_START_ON_WINDOWS = Remedy("Start Docker Desktop on Windows, if it provides the engine")
_UNSET = Remedy("Unset DOCKER_HOST in this shell, if it is set", ("unset DOCKER_HOST",))

# The snap's daemon is a snapd service.
_START: dict[Provider, tuple[Remedy, ...]] = {
    "system": (
        Remedy("Start the daemon", ("sudo systemctl start docker",)),
        Remedy(
            "Start the daemon without systemd (WSL, containers)", ("sudo service docker start",)
        ),
    ),
    "snap": (Remedy("Start the daemon", ("sudo snap start docker",)),),
    "rootless": (
        Remedy(
            "Start this user's daemon; with `sudo loginctl enable-linger $USER` it also runs "
            "while the user is not logged in",
            ("systemctl --user start docker",),
        ),
    ),
    "desktop": (Remedy("Start Docker Desktop", ("systemctl --user start docker-desktop",)),),
    "mac": (Remedy("Start Docker Desktop", ("open -a Docker",)),),
    "colima": (Remedy("Start Colima's virtual machine", ("colima start",)),),
    "podman": (
        Remedy("Start Podman's service for this user", ("systemctl --user start podman.socket",)),
    ),
}

_RESTART: dict[Provider, tuple[Remedy, ...]] = {
    "system": (
        Remedy("Read the daemon's log", ("sudo journalctl -u docker -n 50 --no-pager",)),
        Remedy("Restart the daemon", ("sudo systemctl restart docker",), breaks=_RESTARTS),
    ),
    "snap": (
        Remedy("Read the daemon's log", ("sudo snap logs docker -n 50",)),
        Remedy("Restart the daemon", ("sudo snap restart docker",), breaks=_RESTARTS),
    ),
    "rootless": (
        Remedy("Read the daemon's log", ("journalctl --user -u docker -n 50 --no-pager",)),
        Remedy("Restart the daemon", ("systemctl --user restart docker",), breaks=_RESTARTS),
    ),
    "desktop": (
        Remedy(
            "Restart Docker Desktop",
            ("systemctl --user restart docker-desktop",),
            breaks="stops all running containers",
        ),
    ),
}
_WAIT_LONGER = Remedy("Wait longer for the daemon", ("qca doctor --timeout 60",))

_JOIN_GROUP = Remedy(
    "Add this user to the docker group, then log in again",
    ('sudo usermod -aG docker "$USER"',),
    breaks="members of that group can become root on this machine",
)
# The snap's socket belongs to root until the docker group exists.
_JOIN_SNAP_GROUP = Remedy(
    "Create the docker group, add this user to it, and log in again",
    (
        "sudo addgroup --system docker",
        'sudo adduser "$USER" docker',
        "sudo snap disable docker",
        "sudo snap enable docker",
    ),
    breaks=f"members of that group can become root on this machine; {_RESTARTS}",
)
_LOG_IN_AGAIN = Remedy(
    "Log in again, because this user joined the group after the last login; or run a single "
    "command in the group",
    ("sg docker -c 'qca doctor'",),
)
_USE_CERTIFICATES = Remedy(
    "Set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder with the certificate that the "
    "daemon accepts: https://docs.docker.com/engine/security/protect-access/"
)

_CHOOSE_ANOTHER: dict[str, tuple[Remedy, ...]] = {
    "bad-host": (Remedy("Unset it in this shell", ("unset DOCKER_HOST",)),),
    "bad-context": (
        Remedy("List the contexts", ("docker context ls",)),
        Remedy(
            "Switch to the default context",
            ("docker context use default",),
            breaks="from then on, all docker commands of this user use the default context",
        ),
    ),
}
