"""QCA707: does Compose itself take the file?"""

import re

from infra.compose_file.model import ComposeFile, Refusal, Service
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject


def _judge_file(subject: FileSubject) -> list[Verdict]:
    file = subject.file
    if file.refused:
        message = f"Compose does not take {file.path}.\nIt says: {file.refused}"
        return [locate(Verdict(Severity.ERROR, message), file, _find_refused(file))]
    if file.confirmed_by:
        return [ok(f"{file.confirmed_by} takes {file.path}.")]
    if file.refusals:
        return [_describe_refusal(file, refusal) for refusal in file.refusals]
    if file.not_confirmed_because:
        message = f"{file.path} breaks no rule of Compose's that is known here; Compose itself "
        return [skip(f"{message}was not asked: {file.not_confirmed_because}.")]
    return []


def _describe_refusal(file: ComposeFile, refusal: Refusal) -> Verdict:
    """Return what our own reading finds that no Compose takes, by its schema and its rules."""
    message = f"Compose does not take {file.path}.\n{refusal.message}"
    return locate(Verdict(Severity.ERROR, message), file, refusal)


def _find_refused(file: ComposeFile) -> Refusal | Service | int:
    """Return what Compose's refusal is about; it gives no lines, so ours are taken."""
    if file.refusals:
        return file.refusals[0]
    paths = re.findall(r"services\.([\w.-]+)", file.refused)
    names = {path.split(".")[0] for path in paths}
    return next((service for service in file.services if service.name in names), 1)


CHECK = Check(
    id="QCA707",
    category="file",
    title="Compose does not take the file",
    needs=(),
    looks_at="what `docker compose config` says to the files given with -f. It runs nothing, "
    "and is not asked where the files lead out of their folder. Where it is not asked, the files "
    "are held against its schema and its rules across keys.",
    why="Compose checks keys and types against its schema, and settings against each other, "
    "before it starts anything. Its version matters: an older one knows fewer keys.",
    fix="Fix what Compose names.",
    url="https://docs.docker.com/reference/cli/docker/compose/config/",
    judge_file=_judge_file,
)
