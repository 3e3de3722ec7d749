"""A check: a description, and pure functions that return verdicts."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from infra.doctor.finding import Category, Finding, Location, Severity, Verdict
from infra.doctor.subjects import FileSubject, HostSubject
from infra.host.facts import LIVE_FACTS, HostFacts
from qca.core.frozen import frozen_dataclass

Verdicts: TypeAlias = Verdict | Iterable[Verdict]


@frozen_dataclass
class Check:
    """A check for one problem of a host or a Compose project.

    `judge_host` and `judge_file` are pure. They are called only if every fact named in `needs` is
    known, so they never have to report an unknown fact.
    """

    id: str
    category: Category
    title: str
    needs: tuple[str, ...]
    """Names of fields of HostFacts. If `--deep` was not given, the fields that only `--deep`
    determines are None, and a check that needs them is omitted."""
    looks_at: str
    """What the check examines, for `qca explain`."""
    why: str
    """Why the problem matters, and the rule that the check applies, for `qca explain`."""
    fix: str
    """How to fix the problem, and what does not fix it, for `qca explain`."""
    url: str
    """The source of the rule."""
    judge_host: Callable[[HostSubject], Verdicts] | None = None
    judge_file: Callable[[FileSubject], Verdicts] | None = None

    def __post_init__(self) -> None:
        if self.judge_host is None and self.judge_file is None:
            raise ValueError(f"{self.id} judges neither hosts nor files")

    @property
    def live_facts(self) -> tuple[str, ...]:
        """The facts among `needs` that only `qca doctor --deep` determines."""
        return tuple(name for name in self.needs if name in LIVE_FACTS)

    def is_idle(self, facts: HostFacts) -> bool:
        """Return whether the check needs a fact from `--deep`, and `--deep` was not given."""
        return any(getattr(facts, name) is None for name in self.live_facts)

    def report(self, verdict: Verdict) -> Finding:
        """Return the finding with this verdict."""
        return Finding(
            id=self.id,
            category=self.category,
            severity=verdict.severity,
            title=self.title,
            message=verdict.message,
            evidence=verdict.evidence,
            remedies=verdict.remedies,
            url=self.url,
            location=verdict.location,
        )

    def report_failure(self, error: Exception, location: Location | None) -> Finding:
        """Return a finding that reports that this check itself failed."""
        return Finding(
            id=self.id,
            category=self.category,
            severity=Severity.ERROR,
            title=self.title,
            message=f"This check failed, which is a defect in qca: {error!r}",
            evidence={},
            remedies=(),
            url=self.url,
            location=location,
            is_check_failure=True,
        )
