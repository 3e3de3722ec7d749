"""Choose how to recompute an episode within a budget."""

from collections.abc import Sequence
from dataclasses import replace

from qca.core.config import (
    ResolvedOptimizerState,
    ResolvedPrecision,
    ResolvedRecompute,
    TrainConfig,
)
from qca.core.frozen import frozen_dataclass
from qca.core.units import format_size
from qca.memory.budget import Estimate, estimate
from qca.memory.candidates import Candidate, Ways
from qca.memory.machine import Machine


@frozen_dataclass
class Choice:
    """The chosen way to train, with the reason as a sentence."""

    train: TrainConfig
    """The configuration with precision, recompute, segment, tapes and optimizer_state resolved."""
    recompute: ResolvedRecompute
    segment: int
    """Number of steps that are differentiated as one batch."""
    tapes: int
    """How many of an episode's last steps are not recomputed."""
    precision: ResolvedPrecision
    optimizer_state: ResolvedOptimizerState
    estimate: Estimate
    host_bytes: int
    """Bytes that a training run on a GPU keeps in host memory."""
    budget_bytes: int | None
    fits: bool | None
    """None if the budget is unknown."""
    because: str
    is_measured: bool = False
    """Whether the choice is based on step times measured on this machine."""


def choose(train: TrainConfig, budget: int | None, machine: Machine) -> Choice:
    """Return a way to run `train`: as configured, with the fastest value that fits for each `auto`.

    The candidates are, in this order: float32 with the optimizer on the device, sorted by the cost
    model (`qca.memory.cost`); float32 with the optimizer's state in host memory; and the machine's
    16-bit format, if any. The batch and the model do not change. Budgets and needs are per process,
    even if several processes train together. If nothing fits, return the candidate that needs the
    least, with `fits` False.
    """
    ways = Ways(train, machine)
    candidates = list(ways.list_candidates())
    if budget is None:
        return _choose_without_budget(train, candidates)
    room = machine.host_budget
    if room is None:
        room = max(candidate.host_bytes for candidate in candidates)
    fitting = [candidate for candidate in candidates if candidate.fits(budget, room)]
    if not fitting:
        return _choose_least(train, candidates, budget, room)
    found = ways.find_fastest(fitting, budget, room)
    because = _explain(found, budget, candidates, fitting[0]) + _describe_timings(train, ways)
    choice = _make_choice(train, found, budget, True, because)
    return replace(choice, is_measured=bool(ways.timings))


def _describe_timings(train: TrainConfig, ways: Ways) -> str:
    """Return the measured times on which the choice is based, as the end of its reason."""
    if not ways.timings or train.recompute != "auto":
        return ""
    version = ways.timings[0].torch
    return f"; the fastest by the step times measured here with torch {version}"


def _choose_without_budget(train: TrainConfig, candidates: Sequence[Candidate]) -> Choice:
    """Choose `step` in segments of one step, which needs little memory and is always possible."""
    steps = (c for c in candidates if c.recompute == "step" and c.segment == 1)
    found = next(steps, candidates[0])
    because = f"the budget is unknown; {_describe_need(found)}"
    return _make_choice(train, found, None, None, because)


def _choose_least(
    train: TrainConfig, candidates: Sequence[Candidate], budget: int, room: int
) -> Choice:
    """Return the candidate that needs the least, if none fits."""
    within = [candidate for candidate in candidates if candidate.host_bytes <= room]
    if within:
        least = min(within, key=lambda candidate: candidate.estimate.total_bytes)
        lack = f"the budget of {format_size(budget)} is not enough"
    else:
        least = candidates[0]
        lack = f"the host has only {format_size(room)} available"
    because = f"{_describe_need(least)}; {lack}"
    return _make_choice(train, least, budget, False, because)


def find_next_cheaper(train: TrainConfig, machine: Machine) -> tuple[TrainConfig, Estimate] | None:
    """Return `train` with the next choice that needs less memory, and its estimate, or None.

    The order is that of `choose`. The precision does not change, because it would change the
    results.
    """
    recompute = "none" if train.recompute == "auto" else train.recompute
    now = estimate(train, recompute=recompute, machine=machine).total_bytes
    source = "step" if recompute == "none" else recompute
    without_tapes = train.override(recompute=source, tapes=0)
    # A shorter segment saves too little, so skip to the next strategy.
    unresolved = without_tapes.override(recompute="auto", segment=1, optimizer_state="auto")
    for way in (without_tapes, unresolved):
        for found in Ways(way, replace(machine, half=None)).list_candidates():
            if found.estimate.total_bytes < now:
                return found.resolve(train), found.estimate
    return None


def _make_choice(
    train: TrainConfig, found: Candidate, budget: int | None, fits: bool | None, because: str
) -> Choice:
    return Choice(
        train=found.resolve(train),
        recompute=found.recompute,
        segment=found.segment,
        tapes=found.tapes,
        precision=found.precision,
        optimizer_state=found.optimizer_state,
        estimate=found.estimate,
        host_bytes=found.host_bytes,
        budget_bytes=budget,
        fits=fits,
        because=because,
    )


def _describe_need(found: Candidate) -> str:
    needs = found.estimate
    peak, context = format_size(needs.predicted_peak_bytes), format_size(needs.context_bytes)
    host_size = format_size(found.host_bytes)
    host = f" on the GPU, and {host_size} of host memory" if found.host_bytes else ""
    return f"{_describe_candidate(found)} needs {peak} plus a context of {context}{host}"


def _describe_candidate(found: Candidate) -> str:
    moments = " with AdamW's moments in host memory" if found.optimizer_state == "host" else ""
    precision = f" in {found.precision}" if found.precision != "fp32" else ""
    segment = f" in segments of {found.segment} steps" if found.segment > 1 else ""
    is_partly_taped = found.tapes and found.recompute != "none"
    kept = f", keeping the activations of the last {found.tapes} steps,"
    tapes = kept if is_partly_taped else ""
    return f"recompute strategy `{found.recompute}`{segment}{tapes}{precision}{moments}"


def _explain(
    found: Candidate, budget: int, candidates: list[Candidate], first_fitting: Candidate
) -> str:
    tried = candidates[: candidates.index(first_fitting)]
    lacking = ""
    if tried:
        least = min(tried, key=lambda c: c.estimate.total_bytes)
        lacking = (
            f"; preferred plans would need at least {format_size(least.estimate.total_bytes)} "
            f"({_describe_candidate(least)})"
        )
    return f"{_describe_need(found)}; the budget of {format_size(budget)} is enough{lacking}"
