"""QCA702: does the file use variables that are not set?"""

from collections.abc import Iterator

from infra.compose_file.model import UnsetVariable
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject

# A file that is not set up yet may have a hundred unset variables.
_MOST_SHOWN = 12


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    required = [use for use in file.unset if use.variable.required is not None]
    empty = [use for use in file.unset if use.variable.required is None]
    if required:
        yield locate(_describe_required(required), file, required[0])
    if empty:
        yield locate(_describe_empty(empty), file, empty[0])
    if not file.unset and file.unread:
        message = (
            f"{file.path}: {file.unread[0].what} was not read, so its variables were not checked."
        )
        yield locate(skip(message), file, file.unread[0])
    elif not file.unset:
        yield ok(f"{file.path}: all variables are set.")


def _describe_required(unset: list[UnsetVariable]) -> Verdict:
    reasons = {use.variable.name: use.variable.required for use in unset}
    parts = (f"{name} ({reason})" if reason else name for name, reason in reasons.items())
    message = (
        f"Required variables are not set: {', '.join(parts)}.\nCompose refuses the file. Set them "
        "in the environment, or in `.env` in the folder of the file."
    )
    return Verdict(Severity.ERROR, message, {"variables": list(reasons)})


def _describe_empty(unset: list[UnsetVariable]) -> Verdict:
    """Return a warning that names each variable once, with the first line that uses it."""
    lines: dict[str, int] = {}
    for use in unset:
        lines.setdefault(use.variable.name, use.line)
    shown = [f"{name} (line {line})" for name, line in list(lines.items())[:_MOST_SHOWN]]
    more = f" and {len(lines) - _MOST_SHOWN} more" if len(lines) > _MOST_SHOWN else ""
    message = (
        f"Variables are not set: {', '.join(shown)}{more}.\nCompose prints a warning and uses an "
        "empty value for each."
    )
    return Verdict(Severity.WARNING, message, {"variables": list(lines)})


CHECK = Check(
    id="QCA702",
    category="file",
    title="A variable of the compose file is not set",
    needs=(),
    looks_at="`$X`, `${X}`, `${X:-default}`, `${X:?message}` and similar forms. Values come from "
    "the environment first, then from `.env` in the folder of the file.",
    why="Compose refuses a file in which a required variable is not set, and uses an empty value "
    "for any other.",
    fix="Set it in the environment or in `.env`, or give it a default in the file.",
    url="https://docs.docker.com/reference/compose-file/interpolation/",
    judge_file=_judge_file,
)
