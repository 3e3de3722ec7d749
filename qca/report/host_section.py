"""The host that the page is made on: plain data from the command line."""

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
    """What `qca plan` would decide today, on this host, for the run's training."""

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
    """By the path of the number in the plan: `trainer.budget_bytes`."""


@dataclass(frozen=True)
class HostSection:
    """The host that the page is made on; not necessarily the one that the run was made on."""

    findings: Sequence[FindingEntry]
    plan: PlanEntry
    summary: str
    clean: Callable[[str], str]
    """Removes names of persons and machines from a text: a report is made to be shared."""
