"""QCA709: has the engine the networks and volumes that the file takes for granted?"""

from collections.abc import Iterator

from infra.compose_file.model import ExternalResource
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    for one in file.externals:
        yield locate(_judge(one), file, one)
    if not file.externals:
        yield ok(f"{file.path}: no network or volume is external.")


def _judge(one: ExternalResource) -> Verdict:
    what = f"{one.kind} {one.name}"
    if one.is_there is None:
        return skip(f"Whether the engine has {what} was not looked at: {one.unknown_because}.")
    if one.is_there:
        return ok(f"The engine has the external {what}.")
    message = (
        f"The engine has no {what}, which is external: Compose creates none, and `up` fails.\n"
        f"Create it: docker {one.kind} create {one.name}"
    )
    return Verdict(Severity.ERROR, message, {one.kind: one.name})


CHECK = Check(
    id="QCA709",
    category="file",
    title="An external network or volume is missing",
    needs=(),
    looks_at="networks and volumes with `external: true` that a service uses, against those that "
    "`docker network ls` and `docker volume ls` name. Nothing is created.",
    why="Compose takes what is external for granted. Where it is missing, `up` ends before it "
    "starts anything.",
    fix="Create it (`docker network create NAME`), or drop `external: true`.",
    url="https://docs.docker.com/reference/compose-file/networks/#external",
    judge_file=_judge_file,
)
