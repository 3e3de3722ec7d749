"""Is there a Docker Engine that we can use, and does it keep the limits it is given?"""

import shlex

from infra.doctor.check import Check
from infra.doctor.checks.docker_snap import DOCKER_SNAP
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.subjects import HostSubject
from infra.host.facts import ComposePlugin, Engine, NoEngine, known_or_none, require
from infra.host.snap import is_client_from_snap

# Nobody needs DOCKER_HOST to be sent there.
DEFAULT_HOST = "unix:///var/run/docker.sock"

LOCALLY = Remedy("Train without Docker, as a process on this machine", ("qca up --runtime local",))


def _reachable(subject: HostSubject) -> Verdict:
    docker = require(subject.facts.docker)
    if isinstance(docker, Engine):
        return ok(
            f"Docker Engine {docker.version} answers at {docker.host}.",
            host=docker.host,
            context=docker.context,
            version=docker.version,
            api_version=docker.api_version,
        )
    what, remedies = _UNREACHABLE[docker.state]
    if docker.state == "bad-host" and docker.host == DEFAULT_HOST:
        what, remedies = "What answers at Docker's socket is no Docker Engine.", (_WHO_LISTENS,)
    plugin = known_or_none(subject.facts.compose)
    if isinstance(plugin, ComposePlugin) and is_client_from_snap(plugin):
        remedies = _OF_THE_SNAP.get(docker.state, remedies)
    if docker.state == "no-permission" and docker.group_member:
        remedies = (_LOG_IN_AGAIN,)
    remedies = (*remedies, *(_other_engine(address) for address in docker.other_sockets))
    without = Severity.INFO if docker.state == "not-installed" else Severity.WARNING
    severity = subject.grade_container_fault(otherwise=without)
    message = f"{what}\nLooked at {docker.host}: {docker.detail}"
    if subject.plan.runtime.value == "local":
        message += "\n`qca up` trains on this machine without Docker, which needs no engine."
    else:
        remedies = (*remedies, LOCALLY)
    return Verdict(severity, message, {"state": docker.state, "host": docker.host}, remedies)


def _other_engine(address: str) -> Remedy:
    command = f"export DOCKER_HOST={shlex.quote(address)}"
    return Remedy("Use the other engine whose socket is here, in this shell", (command,))


_WHO_LISTENS = Remedy("See which program it is", ("sudo ss -xlp src /var/run/docker.sock",))

_LOG_IN_AGAIN = Remedy(
    "Log in again: this user has joined the group since it last logged in. Or for one command",
    ("sg docker -c 'qca doctor'",),
)

_RESTARTS = "stops the containers that run now, unless the daemon's live-restore is on"

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
            Remedy("Wait longer for it", ("qca doctor --timeout 60",)),
        ),
    ),
}

# The snap's daemon is a service of snapd, and its socket root's until there is such a group.
_OF_THE_SNAP: dict[str, tuple[Remedy, ...]] = {
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
        Remedy("Wait longer for it", ("qca doctor --timeout 60",)),
    ),
}


def _keeps_limits(subject: HostSubject) -> list[Verdict]:
    docker = require(subject.facts.docker)
    if isinstance(docker, NoEngine):
        return []
    evidence = {"limits_memory": docker.limits_memory, "limits_cpu": docker.limits_cpu}
    limits = (("memory", docker.limits_memory), ("CPU", docker.limits_cpu))
    lacking = [name for name, keeps in limits if keeps is False]
    untold = [name for name, keeps in limits if keeps is None]
    if untold and not lacking:
        message = f"The engine does not tell whether it can limit {' and '.join(untold)}."
        return [skip(message, **evidence)]
    if not lacking:
        return [ok("The engine can limit a container's memory and CPUs.", **evidence)]
    rootless = any("rootless" in option for option in docker.security_options)
    message = (
        f"The engine ignores {' and '.join(lacking)} limits (cgroup v{docker.cgroup_version}"
        f"{', rootless' if rootless else ''}).\n"
        "The stack starts, but nothing holds a container to its limit, and Dragonfly sees the "
        "whole host instead."
    )
    if rootless:
        message += " Rootless Docker can limit containers only with cgroup v2 and systemd."
    return [Verdict(Severity.WARNING, message, evidence)]


def _kind(subject: HostSubject) -> list[Verdict]:
    docker = require(subject.facts.docker)
    if isinstance(docker, NoEngine):
        return []
    evidence = {"operating_system": docker.operating_system, "os_type": docker.os_type}
    if not docker.os_type:
        return [skip("The engine does not tell what kind of containers it runs.", **evidence)]
    if docker.os_type != "linux":
        message = (
            f"The engine runs {docker.os_type} containers; the stack's images are Linux ones.\n"
            "Docker Desktop switches in its menu: `Switch to Linux containers`."
        )
        return [Verdict(subject.grade_container_fault(), message, evidence)]
    podman = [name for name in docker.components if "podman" in name.lower()]
    if podman:
        message = (
            f"This is {podman[0]} {docker.components[podman[0]]} in Docker's place.\n"
            "qca is tested with Docker Engine; Podman answers most of the same calls."
        )
        return [Verdict(Severity.INFO, message, {**evidence, "components": docker.components})]
    return [ok(f"The engine runs Linux containers ({docker.operating_system}).", **evidence)]


CHECKS = (
    Check(
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
        "group, mend DOCKER_HOST, choose another context, or look into the daemon's log.",
        url="https://docs.docker.com/engine/daemon/troubleshoot/",
        judge_host=_reachable,
    ),
    Check(
        id="QCA102",
        category="docker",
        title="Docker ignores memory and CPU limits",
        needs=("docker",),
        looks_at="whether the engine says that it can limit a container's memory and CPUs.",
        why="Rootless Docker supports `--memory` and `--cpus` only with cgroup v2 and systemd. "
        "Without limits the container limit that the plan sets protects nothing.",
        fix="Boot with cgroup v2, or use an engine that is not rootless.",
        url="https://docs.docker.com/engine/security/rootless/tips/#limiting-resources",
        judge_host=_keeps_limits,
    ),
    Check(
        id="QCA103",
        category="docker",
        title="Not a Docker Engine with Linux containers",
        needs=("docker",),
        looks_at="what kind of containers the engine runs, and whether it is Podman.",
        why="All images of the stack are Linux images, which an engine in Windows mode refuses. "
        "Podman behind Docker's socket answers most calls, but is not what qca is tested with.",
        fix="Switch Docker Desktop to Linux containers; or use Docker Engine.",
        url="https://docs.docker.com/desktop/setup/install/windows-install/",
        judge_host=_kind,
    ),
    DOCKER_SNAP,
)
