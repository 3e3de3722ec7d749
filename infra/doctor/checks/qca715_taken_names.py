"""QCA715: are the container names and subnets in the file free on the engine?"""

import shlex
from collections.abc import Iterator

from infra.compose_file.needs import EngineClaim
from infra.doctor.analysis.engine_claims import find_other_owner
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject
from infra.host.facts import EngineAnswers, Unknown


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    for claim in file.claims:
        yield locate(_judge(claim, subject.engine_answers), file, claim)
    if not file.claims:
        yield ok(f"{file.path}: no container name or subnet is fixed.")


def _judge(claim: EngineClaim, answers: EngineAnswers) -> Verdict:
    owner = find_other_owner(claim, answers)
    if isinstance(owner, Unknown):
        return skip(
            f"Cannot determine whether the {claim.kind} {claim.value} is free: {owner.reason}."
        )
    evidence = {claim.kind: claim.value}
    if not owner.value:
        return ok(f"The {claim.kind} {claim.value} is free.", **evidence)
    if claim.kind == "subnet":
        message = (
            f"The subnet {claim.value} overlaps with that of the network {owner.value}.\nThe "
            "engine reports: Pool overlaps with other one on this address space\nRemove the "
            "subnet, and the engine chooses a free one; or choose another."
        )
    else:
        message = (
            f"The container name {claim.value} belongs to a container {owner.value}.\nThe "
            f'engine reports: Conflict. The container name "/{claim.value}" is already in use.\n'
            "Remove `container_name`, and Compose chooses a name for each project; or remove the "
            f"other container, if it is not needed: docker rm {shlex.quote(claim.value)}"
        )
    return Verdict(Severity.ERROR, message, evidence)


CHECK = Check(
    id="QCA715",
    category="file",
    title="A container name or subnet that is taken",
    needs=(),
    looks_at="`container_name` of the services and the subnets of their networks, compared with "
    "the containers and networks of the engine (`docker ps --all`, `docker network inspect`). "
    "Those that belong to the same project do not count.",
    why="Both must be unique on an engine. Another project, an older copy of this one in another "
    "folder or a container from `docker run` may have them; Docker also chooses subnets for new "
    "networks from the same ranges.",
    fix="Leave both out: services reach each other by service name.",
    url="https://docs.docker.com/reference/compose-file/services/#container_name",
    judge_file=_judge_file,
)
