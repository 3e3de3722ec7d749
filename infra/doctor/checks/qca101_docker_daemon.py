"""QCA101: is there a Docker Engine that this user can reach?"""

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok
from infra.doctor.remedies.docker_daemon import (
    DEFAULT_HOST,
    FIND_LISTENER,
    TLS_VARIABLES,
    UNSET_TLS,
    choose_remedies,
    find_provider,
    use_other_engine,
)
from infra.doctor.remedies.training import TRAIN_LOCALLY
from infra.doctor.subjects import HostSubject
from infra.host.facts import ComposePlugin, Engine, NoEngine, known_or_none, require
from infra.host.snap import is_client_from_snap


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
    what, remedies = _explain(subject, docker)
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


def _explain(subject: HostSubject, docker: NoEngine) -> tuple[str, tuple[Remedy, ...]]:
    """Return the problem, and the remedies that fit this host."""
    others = tuple(use_other_engine(address) for address in docker.other_sockets)
    if docker.state == "bad-host" and docker.host == DEFAULT_HOST:
        what = "The program that answers at Docker's socket is not a Docker Engine."
        return what, (FIND_LISTENER, *others)
    if docker.state == "bad-host" and docker.host in TLS_VARIABLES:
        return "Every `docker` command fails: it cannot read its certificates.", (UNSET_TLS,)
    plugin, system = known_or_none(subject.facts.compose), known_or_none(subject.facts.system)
    is_snap = isinstance(plugin, ComposePlugin) and is_client_from_snap(plugin)
    remedies = choose_remedies(docker, system, is_snap=is_snap)
    is_remote = find_provider(docker, system, is_snap=is_snap) == "remote"
    texts = {**_UNREACHABLE, **(_UNREACHABLE_THERE if is_remote else {})}
    return texts[docker.state], (*remedies, *others)


_UNREACHABLE = {
    "not-installed": "Docker is not installed.",
    "not-running": "The Docker daemon is not running.",
    "no-permission": "The Docker daemon is running, but this user is not allowed to connect to it.",
    "bad-host": "DOCKER_HOST is not a valid address of a Docker daemon.",
    "bad-context": "The selected Docker context cannot be used.",
    "no-answer": "The Docker daemon accepted the connection but did not answer in time.",
}
# An engine on another machine, named by DOCKER_HOST or by the selected context.
_UNREACHABLE_THERE = {
    "not-running": "No Docker daemon can be reached at the selected address.",
    "no-permission": "The machine at the selected address does not accept this user.",
    "no-answer": "The Docker daemon at the selected address did not answer in time.",
}

CHECK = Check(
    id="QCA101",
    category="docker",
    title="Docker daemon not reachable",
    needs=("docker",),
    looks_at="the engine that the `docker` command would use (DOCKER_HOST, then the current "
    "context, then the default socket): whether it is installed and running, and whether this "
    "user may connect to it and gets an answer within the time limit.",
    why="Without an engine no container can start. This is an error only if containers are "
    'configured (`runtime = "compose"`, or a file given with -f); otherwise `qca up` trains in a '
    "local process.",
    fix="The remedy depends on the case: install Docker, start it, join the docker group, "
    "fix DOCKER_HOST, choose another context, or read the daemon's log. Rootless Docker, Docker "
    "Desktop, Podman, the snap and an engine on another machine have their own commands.",
    url="https://docs.docker.com/engine/daemon/troubleshoot/",
    judge_host=_judge_host,
)
