"""QCA707: does Compose accept the file?"""

import re

from infra.compose_file.model import ComposeFile, Refusal, Service
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject


def _judge_file(subject: FileSubject) -> list[Verdict]:
    file = subject.file
    if file.refused:
        message = f"Compose refuses {file.path}.\nIt reports: {file.refused}"
        return [locate(Verdict(Severity.ERROR, message), file, _find_refused(file))]
    if file.confirmed_by:
        return [ok(f"{file.confirmed_by} accepts {file.path}.")]
    if file.refusals:
        return [_describe_refusal(file, refusal) for refusal in file.refusals]
    if file.not_confirmed_because:
        message = (
            f"Cannot determine whether Compose accepts {file.path}: it violates no known rule, "
            f"but Compose "
        )
        return [skip(f"{message}was not asked: {file.not_confirmed_because}.")]
    return []


def _describe_refusal(file: ComposeFile, refusal: Refusal) -> Verdict:
    """Return the verdict on a violation of Compose's schema or rules that qca found."""
    message = f"Compose refuses {file.path}.\n{refusal.message}"
    return locate(Verdict(Severity.ERROR, message), file, refusal)


def _find_refused(file: ComposeFile) -> Refusal | Service | int:
    """Return the place that Compose refuses; qca determines it because Compose reports no line."""
    if file.refusals:
        return max(file.refusals, key=lambda one: _count_shared(one, file.refused))
    paths = re.findall(r"services\.([\w.-]+)", file.refused)
    names = {path.split(".")[0] for path in paths}
    return next((service for service in file.services if service.name in names), 1)


def _count_shared(refusal: Refusal, message: str) -> int:
    """Return the length of the key path that our refusal and Compose's message both start with.

    Compose reports one of several violations, and not always the same one.
    """
    path = refusal.message.partition(" ")[0]
    return len(path) if "." in path and path in message else 0


CHECK = Check(
    id="QCA707",
    category="file",
    title="Compose refuses the file",
    needs=(),
    looks_at="the answer from `docker compose config` for the files given with -f. The command "
    "starts nothing, and is not run if the files refer to files outside their folder. If the "
    "command is not run, the files are checked against Compose's schema and its rules that "
    "involve several keys.",
    why="Compose checks keys and types against its schema, and settings against each other, "
    "before it starts anything. An older Compose supports fewer keys.",
    fix="Fix the key or value that Compose names.",
    url="https://docs.docker.com/reference/cli/docker/compose/config/",
    judge_file=_judge_file,
)
