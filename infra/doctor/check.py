"""A check is data plus one pure function; the runner turns unknowns into "skipped"."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal, TypeVar

from infra.compose_file.devices import DeviceRequests
from infra.compose_file.line_edits import Edit
from infra.compose_file.model import (
    ComposeFile,
    LocatedValue,
    Service,
    UnreadReference,
    UnsetVariable,
)
from infra.host.facts import HostFacts, Known, Unknown
from infra.stack.plan import StackPlan
from qca.core.config import Config

T = TypeVar("T")

Category = Literal["docker", "compose", "dragonfly", "gpu", "python", "host", "file"]


class Severity(StrEnum):
    """What a finding means for the person."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Remedy:
    """One way to mend a finding: commands that can be pasted into bash."""

    title: str
    commands: tuple[str, ...] = ()
    automatic: bool = False
    """Safe for `--fix` to run: reversible, and nothing else depends on what it changes."""
    breaks: str = ""
    """What else the remedy changes or would break; empty if nothing."""
    undo: tuple[str, ...] = ()
    """Commands that take it back; `--fix` runs them when the remedy did not help."""
    edits: tuple[Edit, ...] = ()
    """What the commands change in somebody's file; `--fix` makes these, and not the commands."""


@dataclass(frozen=True)
class Location:
    """A line of somebody's file."""

    file: str
    line: int


@dataclass(frozen=True)
class Verdict:
    """What a check's function says about one subject."""

    severity: Severity
    message: str
    """The first line says what, the following lines why, with the numbers."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    remedies: tuple[Remedy, ...] = ()
    location: Location | None = None


def ok(message: str, **evidence: Any) -> Verdict:
    """Say that what was looked at holds."""
    return Verdict(Severity.OK, message, evidence)


def skipped(message: str, **evidence: Any) -> Verdict:
    """Say that this could not be judged, and why; never passed off as ok."""
    return Verdict(Severity.SKIPPED, message, evidence)


def located(
    verdict: Verdict,
    file: ComposeFile,
    where: LocatedValue | DeviceRequests | Service | UnreadReference | UnsetVariable | int,
) -> Verdict:
    """Place a verdict on a line of the file, or of one that was merged into it."""
    if isinstance(where, int):
        return replace(verdict, location=Location(file.path, where))
    return replace(verdict, location=Location(where.file or file.path, where.line))


@dataclass(frozen=True)
class Finding:
    """A verdict with the name of the check that gave it: what people and scripts see."""

    id: str
    category: Category
    severity: Severity
    title: str
    message: str
    evidence: Mapping[str, Any]
    remedies: tuple[Remedy, ...]
    url: str
    location: Location | None

    @property
    def subject(self) -> tuple[str, str, str, str]:
        """What it is about, wherever that stands: the check, the file, the service, the flag."""
        file = self.location.file if self.location else ""
        service, flag = (str(self.evidence.get(key, "")) for key in ("service", "flag"))
        return self.id, file, service, flag

    @property
    def headline(self) -> str:
        """The fault by its name; where there is none, what the message begins with."""
        faulty = self.severity in (Severity.WARNING, Severity.ERROR)
        return self.title if faulty else self.message.split("\n")[0]


@dataclass(frozen=True)
class Subject:
    """What a check judges. Every fact that the check says it needs is known."""

    facts: HostFacts
    plan: StackPlan
    config: Config
    files: tuple[ComposeFile, ...] = ()
    """Compose files that somebody else wrote, given with `-f`."""

    @property
    def needs_containers(self) -> bool:
        """Whether what the person is about to do runs containers."""
        return self.plan.runtime.value == "compose" or bool(self.files)

    def stops(self, *, otherwise: Severity = Severity.WARNING) -> Severity:
        """How grave a fault of Docker or Compose is: it stops containers, not a local run."""
        return Severity.ERROR if self.needs_containers else otherwise


@dataclass(frozen=True)
class Check:
    """One thing that can stop the stack.

    `judge` is pure. It is called only when every fact named in `needs` is known,
    so that it never has to say "could not look" itself.
    """

    id: str
    category: Category
    title: str
    needs: tuple[str, ...]
    """Field names of HostFacts."""
    looks_at: str
    """For `qca explain`: what it looks at."""
    why: str
    """For `qca explain`: why it matters, with the rule it applies."""
    mend: str
    """For `qca explain`: how to mend it, and what does not."""
    url: str
    """Where the rule comes from."""
    judge: Callable[[Subject], Verdict | Sequence[Verdict]]


def run_checks(checks: Iterable[Check], subject: Subject) -> list[Finding]:
    """Run every check; one that lacks a fact is reported as skipped, with the reason."""
    return [
        finding
        for check in checks
        if check.category != "file" or subject.files
        for finding in _findings(check, subject)
    ]


def _findings(check: Check, subject: Subject) -> list[Finding]:
    missing = [
        f"{name}: {fact.reason}"
        for name in check.needs
        if isinstance(fact := getattr(subject.facts, name), Unknown)
    ]
    if missing:
        return [_named(check, Verdict(Severity.SKIPPED, "Could not look. " + "; ".join(missing)))]
    return [_named(check, verdict) for verdict in _judged(check, subject)]


def _judged(check: Check, subject: Subject) -> Sequence[Verdict]:
    """Judge; a defect of one check must not cost the person the findings of all others."""
    try:
        verdicts = check.judge(subject)
    except Exception as error:
        message = f"This check itself failed, which is a defect of qca: {error!r}"
        return [Verdict(Severity.SKIPPED, message)]
    return [verdicts] if isinstance(verdicts, Verdict) else verdicts


def require(fact: Known[T] | Unknown) -> T:
    """Return a fact that the check listed in `needs`."""
    if isinstance(fact, Unknown):
        raise LookupError(f"a fact that `needs` does not list is unknown: {fact.reason}")
    return fact.value


def known_or_none(fact: Known[T] | Unknown) -> T | None:
    """Return a fact that only adds to a message, or None where it could not be seen."""
    return fact.value if isinstance(fact, Known) else None


def _named(check: Check, verdict: Verdict) -> Finding:
    return Finding(
        id=check.id,
        category=check.category,
        severity=verdict.severity,
        title=check.title,
        message=verdict.message,
        evidence=verdict.evidence,
        remedies=verdict.remedies,
        url=check.url,
        location=verdict.location,
    )
