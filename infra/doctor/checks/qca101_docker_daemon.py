"""QCA101: is there a Docker Engine that this user can reach?"""

import shlex

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok
from infra.doctor.remedies.training import TRAIN_LOCALLY
from infra.doctor.subjects import HostSubject
from infra.host.facts import ComposePlugin, Engine, NoEngine, known_or_none, require
from infra.host.snap import is_client_from_snap

# The client's default address, if neither DOCKER_HOST nor a context sets another one.
_DEFAULT_HOST = "unix:///var/run/docker.sock"


def _judge_host(subject: HostSubject) -> Verdict:
    docker = require(subject.facts.docker)
    if isinstance(docker, Engine):
        return ok(
            f"Docker Engine {docker.version} answers at {docker.host}.",
            host=docker.host,
            context=docker.context,
            version=docker.version,
            api_version=docker.api_version,
        )
    what, remedies = _choose_remedies(subject, docker)
    message = f"{what}\n{docker.host}: {docker.detail}"
    if subject.is_local_run:
        message += "\n`qca up` trains on this machine without Docker and does not need an engine."
    else:
        remedies = (*remedies, TRAIN_LOCALLY)
    evidence = {"state": docker.state, "host": docker.host}
    return Verdict(_grade(subject, docker), message, evidence, remedies)


def _grade(subject: HostSubject, docker: NoEngine) -> Severity:
    missing = docker.state == "not-installed"
    return subject.grade_container_fault(otherwise=Severity.INFO if missing else Severity.WARNING)


def _choose_remedies(subject: HostSubject, docker: NoEngine) -> tuple[str, tuple[Remedy, ...]]:
    """Return the problem, and the remedies that fit this host."""
    what, remedies = _UNREACHABLE[docker.state]
    if docker.state == "bad-host" and docker.host == _DEFAULT_HOST:
        what, remedies = (
            "The program that answers at Docker's socket is not a Docker Engine.",
            (_FIND_LISTENER,),
        )
    plugin = known_or_none(subject.facts.compose)
    if isinstance(plugin, ComposePlugin) and is_client_from_snap(plugin):
        remedies = _UNREACHABLE_SNAP.get(docker.state, remedies)
    if docker.state == "no-permission" and docker.group_member:
        remedies = (_LOG_IN_AGAIN,)
    return what, (*remedies, *(_use_other_engine(address) for address in docker.other_sockets))


def _use_other_engine(address: str) -> Remedy:
    command = f"export DOCKER_HOST={shlex.quote(address)}"
    return Remedy("Use the other engine found on this host (for this shell only)", (command,))


_FIND_LISTENER = Remedy("Find out which program it is", ("sudo ss -xlp src /var/run/docker.sock",))

_LOG_IN_AGAIN = Remedy(
    "Log in again, because this user joined the group after the last login; or run a single "
    "command in the group",
    ("sg docker -c 'qca doctor'",),
)

_RESTARTS = "stops all running containers, unless the daemon's live-restore is on"
_WAIT_LONGER = Remedy("Wait longer for the daemon", ("qca doctor --timeout 60",))

_UNREACHABLE: dict[str, tuple[str, tuple[Remedy, ...]]] = {
    "not-installed": (
        "Docker is not installed.",
        (
            Remedy(
                "Install Docker Engine and Compose V2 (Docker's own installer, Linux)",
                ("curl -fsSL https://get.docker.com -o get-docker.sh", "sudo sh get-docker.sh"),
                breaks="adds Docker's package source and a daemon that runs as root",
            ),
        ),
    ),
    "not-running": (
        "The Docker daemon is not running.",
        (
            Remedy("Start the daemon", ("sudo systemctl start docker",)),
            Remedy(
                "Start the daemon without systemd (WSL, containers)", ("sudo service docker start",)
            ),
        ),
    ),
    "no-permission": (
        "The Docker daemon is running, but this user is not allowed to connect to it.",
        (
            Remedy(
                "Add this user to the docker group, then log in again",
                ('sudo usermod -aG docker "$USER"',),
                breaks="members of that group can become root on this machine",
            ),
        ),
    ),
    "bad-host": (
        "DOCKER_HOST is not a valid address of a Docker daemon.",
        (Remedy("Unset it in this shell", ("unset DOCKER_HOST",)),),
    ),
    "bad-context": (
        "The selected Docker context cannot be used.",
        (
            Remedy("List the contexts", ("docker context ls",)),
            Remedy(
                "Switch to the default context",
                ("docker context use default",),
                breaks="from then on, all docker commands of this user use the default context",
            ),
        ),
    ),
    "no-answer": (
        "The Docker daemon accepted the connection but did not answer in time.",
        (
            Remedy("Read the daemon's log", ("sudo journalctl -u docker -n 50 --no-pager",)),
            Remedy("Restart the daemon", ("sudo systemctl restart docker",), breaks=_RESTARTS),
            _WAIT_LONGER,
        ),
    ),
}

# The snap's daemon is a snapd service; its socket belongs to root until the docker group exists.
_UNREACHABLE_SNAP: dict[str, tuple[Remedy, ...]] = {
    "not-running": (Remedy("Start the daemon", ("sudo snap start docker",)),),
    "no-permission": (
        Remedy(
            "Create the docker group, add this user to it, and log in again",
            (
                "sudo addgroup --system docker",
                'sudo adduser "$USER" docker',
                "sudo snap disable docker",
                "sudo snap enable docker",
            ),
            breaks=f"members of that group can become root on this machine; {_RESTARTS}",
        ),
    ),
    "no-answer": (
        Remedy("Read the daemon's log", ("sudo snap logs docker -n 50",)),
        Remedy("Restart the daemon", ("sudo snap restart docker",), breaks=_RESTARTS),
        _WAIT_LONGER,
    ),
}

CHECK = Check(
    id="QCA101",
    category="docker",
    title="Docker daemon not reachable",
    needs=("docker",),
    looks_at="the engine that the `docker` command would use (DOCKER_HOST, then the current "
    "context, then the default socket): whether it is installed and running, and whether this "
    "user may connect to it and gets an answer within the time limit.",
    why="Without an engine no container can start. It is an error only if containers are "
    'configured (`runtime = "compose"`, or a file given with -f); otherwise `qca up` trains in a '
    "local process.",
    fix="Each of the six cases has its own remedy: install it, start it, join the docker group, "
    "fix DOCKER_HOST, choose another context, or read the daemon's log.",
    url="https://docs.docker.com/engine/daemon/troubleshoot/",
    judge_host=_judge_host,
)
