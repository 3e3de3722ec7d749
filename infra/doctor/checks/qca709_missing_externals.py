"""QCA709: does the engine have the external networks, volumes and containers of the file?"""

from collections.abc import Iterator

from infra.compose_file.needs import ExternalResource
from infra.doctor.analysis.external_resources import look_up_external
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject
from infra.host.facts import Engine, HostFacts, Unknown, known_or_none


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    for resource in file.externals:
        yield locate(_judge(resource, subject), file, resource)
    if not file.externals:
        yield ok(f"{file.path}: no network, volume or container is external.")


def _judge(resource: ExternalResource, subject: FileSubject) -> Verdict:
    what = f"{resource.kind} {resource.name}"
    is_there = look_up_external(resource, subject.engine_answers)
    if isinstance(is_there, Unknown):
        return skip(f"Cannot determine whether the engine has {what}: {is_there.reason}.")
    if is_there.value:
        return ok(f"The engine has the external {what}.")
    if resource.kind == "network" and _is_swarm_worker(subject.facts):
        return skip(
            f"Cannot determine whether the {what} exists: this engine is a worker of a swarm, "
            "which does not list overlay networks that it does not use yet."
        )
    message = _describe_missing(resource)
    return Verdict(Severity.ERROR, message, {resource.kind: resource.name})


def _describe_missing(resource: ExternalResource) -> str:
    kind, name = resource.kind, resource.name
    if kind == "container":
        return (
            f"The engine does not have the container {name}, and the project does not create it, "
            f"so `up` fails.\nDocker reports: No such container: {name}\nStart that container "
            "first, or make it a service of this file and refer to the service."
        )
    return (
        f"The engine does not have the external {kind} {name}; Compose does not create it, so `up` "
        f"fails.\nCreate it: docker {kind} create {name}"
    )


def _is_swarm_worker(facts: HostFacts) -> bool:
    engine = known_or_none(facts.docker)
    return isinstance(engine, Engine) and engine.swarm_role == "worker"


CHECK = Check(
    id="QCA709",
    category="file",
    title="An external network, volume or container is missing",
    needs=(),
    looks_at="networks and volumes with `external: true` that a service uses, and networks that "
    "`network_mode` names, compared with the lists of `docker network ls` and `docker volume ls`; "
    "and containers that `network_mode`, `ipc`, `pid` or `volumes_from` names (`container:NAME`) "
    "and that no service creates, compared with `docker ps --all`. Nothing is created. A "
    "worker of a swarm does not list all networks, so a missing one is `skipped`.",
    why="Compose expects external networks and volumes to exist. If one is missing, `up` fails "
    "before it starts anything. If a container is missing, `up` fails when it starts the service "
    "that needs it; other services are already running by then.",
    fix="Create it (`docker network create NAME`), or remove `external: true`. Start a missing "
    "container first, or make it a service of the file.",
    url="https://docs.docker.com/reference/compose-file/networks/#external",
    judge_file=_judge_file,
)
