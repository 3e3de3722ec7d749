"""QCA709: does the engine have the external networks and volumes of the file?"""

from collections.abc import Iterator

from infra.compose_file.model import ExternalResource
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    for resource in file.externals:
        yield locate(_judge(resource), file, resource)
    if not file.externals:
        yield ok(f"{file.path}: no network or volume is external.")


def _judge(resource: ExternalResource) -> Verdict:
    what = f"{resource.kind} {resource.name}"
    if resource.is_there is None:
        return skip(f"Cannot determine whether the engine has {what}: {resource.unknown_because}.")
    if resource.is_there:
        return ok(f"The engine has the external {what}.")
    message = (
        f"The engine does not have the external {what}; Compose does not create it, so `up` "
        f"fails.\nCreate it: docker {resource.kind} create {resource.name}"
    )
    return Verdict(Severity.ERROR, message, {resource.kind: resource.name})


CHECK = Check(
    id="QCA709",
    category="file",
    title="An external network or volume is missing",
    needs=(),
    looks_at="networks and volumes with `external: true` that a service uses, and networks that "
    "`network_mode` names, compared with the lists of `docker network ls` and `docker volume ls`. "
    "Nothing is created.",
    why="Compose expects external networks and volumes to exist. If one is missing, `up` fails "
    "before it starts anything.",
    fix="Create it (`docker network create NAME`), or remove `external: true`.",
    url="https://docs.docker.com/reference/compose-file/networks/#external",
    judge_file=_judge_file,
)
