"""QCA101: is there a Docker Engine that this user can reach?"""

import shlex

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok
from infra.doctor.remedies.training import TRAIN_LOCALLY
from infra.doctor.subjects import HostSubject
from infra.host.facts import ComposePlugin, Engine, NoEngine, known_or_none, require
from infra.host.snap import is_client_from_snap

# Where the client looks when neither DOCKER_HOST nor a context names another place.
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
    message = f"{what}\nLooked at {docker.host}: {docker.detail}"
    if subject.is_local_run:
        message += "\n`qca up` trains on this machine without Docker, which needs no engine."
    else:
        remedies = (*remedies, TRAIN_LOCALLY)
    evidence = {"state": docker.state, "host": docker.host}
    return Verdict(_grade(subject, docker), message, evidence, remedies)


def _grade(subject: HostSubject, docker: NoEngine) -> Severity:
    missing = docker.state == "not-installed"
    return subject.grade_container_fault(otherwise=Severity.INFO if missing else Severity.WARNING)


def _choose_remedies(subject: HostSubject, docker: NoEngine) -> tuple[str, tuple[Remedy, ...]]:
    """Return what is wrong, and what fixes it on this host."""
    what, remedies = _UNREACHABLE[docker.state]
    if docker.state == "bad-host" and docker.host == _DEFAULT_HOST:
        what, remedies = "What answers at Docker's socket is no Docker Engine.", (_FIND_LISTENER,)
    plugin = known_or_none(subject.facts.compose)
    if isinstance(plugin, ComposePlugin) and is_client_from_snap(plugin):
        remedies = _UNREACHABLE_SNAP.get(docker.state, remedies)
    if docker.state == "no-permission" and docker.group_member:
        remedies = (_LOG_IN_AGAIN,)
    return what, (*remedies, *(_use_other_engine(address) for address in docker.other_sockets))


def _use_other_engine(address: str) -> Remedy:
    command = f"export DOCKER_HOST={shlex.quote(address)}"
    return Remedy("Use the other engine whose socket is here, in this shell", (command,))


_FIND_LISTENER = Remedy("See which program it is", ("sudo ss -xlp src /var/run/docker.sock",))

_LOG_IN_AGAIN = Remedy(
    "Log in again: this user has joined the group since it last logged in. Or for one command",
    ("sg docker -c 'qca doctor'",),
)

_RESTARTS = "stops the containers that run now, unless the daemon's live-restore is on"
_WAIT_LONGER = Remedy("Wait longer for it", ("qca doctor --timeout 60",))

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
            Remedy("Start it", ("sudo systemctl start docker",)),
            Remedy("Where there is no systemd (WSL, containers)", ("sudo service docker start",)),
        ),
    ),
    "no-permission": (
        "The Docker daemon runs, but this user may not talk to it.",
        (
            Remedy(
                "Join the group that may, then log in again",
                ('sudo usermod -aG docker "$USER"',),
                breaks="members of that group can become root on this machine",
            ),
        ),
    ),
    "bad-host": (
        "DOCKER_HOST names no place where a Docker daemon can be.",
        (Remedy("Forget it for this shell", ("unset DOCKER_HOST",)),),
    ),
    "bad-context": (
        "The selected Docker context cannot be used.",
        (
            Remedy("See which contexts there are", ("docker context ls",)),
            Remedy(
                "Go back to the default one",
                ("docker context use default",),
                breaks="every docker command of this user follows the default context from then on",
            ),
        ),
    ),
    "no-answer": (
        "The Docker daemon took the connection and did not answer in time.",
        (
            Remedy("See what it says", ("sudo journalctl -u docker -n 50 --no-pager",)),
            Remedy("Restart it", ("sudo systemctl restart docker",), breaks=_RESTARTS),
            _WAIT_LONGER,
        ),
    ),
}

# The snap's daemon is a service of snapd, and its socket root's until there is such a group.
_UNREACHABLE_SNAP: dict[str, tuple[Remedy, ...]] = {
    "not-running": (Remedy("Start it", ("sudo snap start docker",)),),
    "no-permission": (
        Remedy(
            "Make the group that may, join it, and log in again",
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
        Remedy("See what it says", ("sudo snap logs docker -n 50",)),
        Remedy("Restart it", ("sudo snap restart docker",), breaks=_RESTARTS),
        _WAIT_LONGER,
    ),
}

CHECK = Check(
    id="QCA101",
    category="docker",
    title="Docker daemon not reachable",
    needs=("docker",),
    looks_at="the engine that the `docker` command would use (DOCKER_HOST, then the current "
    "context, then the default socket): whether it is installed, runs, may be talked to and "
    "answers within the time limit.",
    why="Without an engine no container starts. It is an error only where containers were "
    'asked for (`runtime = "compose"`, or a file given with -f); otherwise `qca up` trains '
    "as a local process.",
    fix="Each of the six cases has its own remedy: install it, start it, join the docker "
    "group, fix DOCKER_HOST, choose another context, or look into the daemon's log.",
    url="https://docs.docker.com/engine/daemon/troubleshoot/",
    judge_host=_judge_host,
)
