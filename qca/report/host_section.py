"""What the page says of the host that it is made on: plain data that the command line hands in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from qca.core.config import ResolvedOptimizerState, ResolvedRecompute

Severity = Literal["ok", "info", "warning", "error", "skipped"]


@dataclass(frozen=True)
class RemedyEntry:
    """One way to fix a finding."""

    title: str
    commands: Sequence[str]
    breaks: str
    """What else it changes; empty if nothing."""


@dataclass(frozen=True)
class FindingEntry:
    """One finding of the doctor."""

    id: str
    severity: Severity
    title: str
    message: str
    remedies: Sequence[RemedyEntry]


@dataclass(frozen=True)
class PlanEntry:
    """What this host would get today for the run's training."""

    device: str
    profile: str
    precision: str
    recompute: ResolvedRecompute
    optimizer_state: ResolvedOptimizerState
    batch_size: int
    predicted_peak_bytes: int
    context_bytes: int
    budget_bytes: int | None
    reasons: Mapping[str, str]
    """Why, by the path of the number in the plan: `trainer.budget_bytes`."""


@dataclass(frozen=True)
class HostSection:
    """The host that the page is made on; not necessarily the one that the run was made on."""

    findings: Sequence[FindingEntry]
    plan: PlanEntry
    summary: str
    clean: Callable[[str], str]
    """Takes out of a text what names a person or a machine: a report is made to be shared."""
