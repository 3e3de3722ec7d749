"""A check's verdict on a subject, and the finding that users and scripts see."""

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from enum import StrEnum
from typing import Any, Literal, Protocol, Self

from infra.compose_file.line_edits import Edit
from infra.compose_file.model import ComposeFile, LocatedValue
from qca.core.frozen import frozen_dataclass

Category = Literal["docker", "compose", "dragonfly", "gpu", "python", "host", "file", "security"]


class Severity(StrEnum):
    """How serious a finding is for the user."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"


@frozen_dataclass
class Remedy:
    """One way to fix a finding: commands that can be pasted into bash."""

    title: str
    commands: tuple[str, ...] = ()
    automatic: bool = False
    """Whether `--fix` may apply it: it can be undone, and nothing else depends on its changes."""
    breaks: str = ""
    """The side effects of the remedy; empty if there are none."""
    undo: tuple[str, ...] = ()
    """Commands that undo it; `--fix` runs them if the remedy did not help."""
    edits: tuple[Edit, ...] = ()
    """The edits equivalent to the commands; `--fix` applies these instead of running the commands.
    """

    def change_texts(self, change: Callable[[str], str]) -> Self:
        """Return the remedy with its text changed, except what `--fix` runs or applies."""
        is_run = self.automatic and not self.edits
        texts = {
            "title": change(self.title),
            "breaks": change(self.breaks),
            "commands": self.commands if is_run else tuple(map(change, self.commands)),
        }
        is_same = all(getattr(self, name) == text for name, text in texts.items())
        return self if is_same else replace(self, **texts)


@frozen_dataclass
class Location:
    """A line of a file."""

    file: str
    line: int
    columns: tuple[int, int] | None = None
    """The first column and the column after the last, counted from 1; None if unknown."""


@frozen_dataclass
class Verdict:
    """A check's result for one subject."""

    severity: Severity
    message: str
    """The first line states the problem; the following lines give the reason with the numbers."""
    evidence: Mapping[str, Any] = field(default_factory=dict[str, Any])
    remedies: tuple[Remedy, ...] = ()
    location: Location | None = None


def ok(message: str, **evidence: Any) -> Verdict:
    """Return the verdict that the subject passes the check."""
    return Verdict(Severity.OK, message, evidence)


def skip(message: str, **evidence: Any) -> Verdict:
    """Return the verdict that the result cannot be determined; it never counts as ok."""
    return Verdict(Severity.SKIPPED, message, evidence)


class HasLine(Protocol):
    """An element of a Compose project, with its file and line."""

    @property
    def line(self) -> int:
        """The line, counted from 1."""
        ...

    @property
    def file(self) -> str:
        """The file; an empty string stands for the project's first file."""
        ...


def locate(verdict: Verdict, file: ComposeFile, where: HasLine | int) -> Verdict:
    """Return the verdict with a location: a line of `file`, or the file and line of an element."""
    if isinstance(where, int):
        path, line = file.path, where
    else:
        path, line = where.file or file.path, where.line
    columns = _find_span(where) or _measure_line(file, path, line)
    return replace(verdict, location=Location(path, line, columns))


def _find_span(where: HasLine | int) -> tuple[int, int] | None:
    if isinstance(where, LocatedValue) and where.place is not None:
        return where.place.start + 1, where.place.end + 1
    return None


def _measure_line(file: ComposeFile, path: str, line: int) -> tuple[int, int] | None:
    """Return the columns of a line's text, excluding its indentation; None if the line is blank."""
    lines = file.sources.get(path, ())
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    if not text.strip():
        return None
    return len(text) - len(text.lstrip()) + 1, len(text.rstrip()) + 1


@frozen_dataclass
class Finding:
    """The verdict of a check, as users and scripts see it."""

    id: str
    category: Category
    severity: Severity
    title: str
    message: str
    evidence: Mapping[str, Any]
    remedies: tuple[Remedy, ...]
    url: str
    location: Location | None
    is_check_failure: bool = False
    """Whether the check itself failed: a defect in qca, which no filter may drop or demote."""

    @property
    def subject(self) -> tuple[str, str, str, str]:
        """What identifies the finding regardless of its line: its check, file, service and flag."""
        file = self.location.file if self.location else ""
        service, flag = (str(self.evidence.get(key, "")) for key in ("service", "flag"))
        return self.id, file, service, flag

    @property
    def summary(self) -> str:
        """The first line of the message."""
        return self.message.split("\n")[0]
