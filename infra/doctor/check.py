"""A check is data plus one pure function; the runner turns unknowns into "skipped"."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from infra.host.facts import HostFacts, Unknown
from infra.stack.plan import StackPlan
from qca.config import Config

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
    evidence: Mapping[str, Any] = field(default_factory=dict)
    remedies: tuple[Remedy, ...] = ()
    location: Location | None = None


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


@dataclass(frozen=True)
class Subject:
    """What a check judges. Every fact that the check says it needs is known."""

    facts: HostFacts
    plan: StackPlan
    config: Config


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
    url: str
    """Where the rule comes from."""
    judge: Callable[[Subject], Verdict | Sequence[Verdict]]


def run_checks(checks: Iterable[Check], subject: Subject) -> list[Finding]:
    """Run every check; one that lacks a fact is reported as skipped, with the reason."""
    return [finding for check in checks for finding in _findings(check, subject)]


def _findings(check: Check, subject: Subject) -> list[Finding]:
    missing = [
        f"{name}: {fact.reason}"
        for name in check.needs
        if isinstance(fact := getattr(subject.facts, name), Unknown)
    ]
    if missing:
        return [_named(check, Verdict(Severity.SKIPPED, "Could not look. " + "; ".join(missing)))]
    verdicts = check.judge(subject)
    if isinstance(verdicts, Verdict):
        verdicts = (verdicts,)
    return [_named(check, verdict) for verdict in verdicts]


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
