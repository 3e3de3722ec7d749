"""Describe the host on which the page is created, as plain data from the command line."""

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
    """The side effects of the commands; empty if there are none."""


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
    """The plan that `qca plan` would make today, on this host, for the configuration of the run."""

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
    """Reasons for the plan's numbers, keyed by their paths, such as `trainer.budget_bytes`."""


@dataclass(frozen=True)
class HostSection:
    """The host on which the page is created; the run may come from another one."""

    findings: Sequence[FindingEntry]
    plan: PlanEntry
    summary: str
    clean: Callable[[str], str]
    """Removes the names of people and machines from text, since reports are shared."""
