"""Choose how to recompute an episode within a budget."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from qca.core.config import (
    HALF_PRECISIONS,
    HalfPrecision,
    ResolvedOptimizerState,
    ResolvedPrecision,
    ResolvedRecompute,
    TrainConfig,
)
from qca.core.errors import InputError
from qca.core.frozen import frozen_dataclass
from qca.core.step_timing import StepTiming
from qca.core.units import format_size
from qca.memory.budget import Estimate, estimate, estimate_host_bytes
from qca.memory.cost import Device, estimate_step_cost, list_segments

# The strategies that `auto` tries. Plain autograd launches each kernel from Python, which is slower
# on a GPU.
STRATEGIES: dict[Device, tuple[ResolvedRecompute, ...]] = {
    "cpu": ("none", "step", "two-level"),
    "cuda": ("step", "two-level", "host"),
}


@frozen_dataclass
class Choice:
    """A recompute strategy that fits a budget, with the reason as a sentence."""

    train: TrainConfig
    """The configuration with precision, recompute, segment and optimizer_state resolved."""
    recompute: ResolvedRecompute
    segment: int
    """Number of steps differentiated as one batch."""
    precision: ResolvedPrecision
    optimizer_state: ResolvedOptimizerState
    estimate: Estimate
    host_bytes: int
    """Bytes that a training run on a GPU additionally keeps in host memory."""
    budget_bytes: int | None
    fits: bool | None
    """None if the budget is unknown."""
    because: str
    is_measured: bool = False
    """Whether the choice is based on step times measured on this machine."""

    @property
    def tapes(self) -> int:
        """Number of steps whose graph is kept; plain autograd keeps all."""
        return self.train.steps if self.recompute == "none" else 0


class _Candidate(NamedTuple):
    recompute: ResolvedRecompute
    segment: int
    precision: ResolvedPrecision
    optimizer_state: ResolvedOptimizerState
    estimate: Estimate
    host_bytes: int


def choose(
    train: TrainConfig,
    budget: int | None,
    *,
    device: Device = "cuda",
    half: HalfPrecision | None = None,
    host_budget: int | None = None,
    together: bool = False,
    resident_floor: int | None = None,
    timings: Sequence[StepTiming] = (),
    fused: bool = True,
) -> Choice:
    """Return a way to run `train`: as configured, with the fastest value that fits for each `auto`.

    The candidates are, in this order: float32 with the optimizer on the device, sorted by the cost
    model (`qca.memory.cost`); float32 with the optimizer's state in host memory; and `half`, the
    card's 16-bit format, if any. The batch and the model do not change. The bytes moved to the host
    must fit `host_budget` if that is known. Budgets and needs are per process, also if several
    train `together`. `resident_floor` is the measured context of a CPU, see `qca.memory.context`;
    `timings` are the step times measured on this device with these sizes; `fused` means that the
    GPU can run `qca.model.kernels`. If nothing fits, return the candidate that needs the least,
    with `fits` False.

    Raises:
        InputError: the configured combination would not train well.

    """
    _require_full_precision_sums(train)
    every_way = _list_candidates(
        train,
        device,
        half,
        together=together,
        resident_floor=resident_floor,
        timings=timings,
        fused=fused,
    )
    candidates = list(every_way)
    if budget is None:
        steps = (c for c in candidates if c.recompute == "step" and c.segment == 1)
        found = next(steps, candidates[0])
        because = f"the budget is unknown; {_describe_need(found)}"
        return _make_choice(train, found, None, None, because)
    room = host_budget if host_budget is not None else max(c.host_bytes for c in candidates)
    for found in candidates:
        if found.estimate.fits(budget) and found.host_bytes <= room:
            because = _explain(found, budget, candidates)
            choice = _make_choice(train, found, budget, True, because)
            return replace(choice, is_measured=bool(timings))
    within = [c for c in candidates if c.host_bytes <= room]
    if not within:
        least = candidates[0]
        room_text = format_size(room)
        because = f"{_describe_need(least)}, more than the {room_text} that the host has available"
        return _make_choice(train, least, budget, False, because)
    least = min(within, key=lambda c: c.estimate.total_bytes)
    because = f"{_describe_need(least)}, more than the budget of {format_size(budget)}"
    return _make_choice(train, least, budget, False, because)


def find_next_cheaper(
    train: TrainConfig, *, device: Device, fused: bool = True
) -> tuple[TrainConfig, Estimate] | None:
    """Return `train` with the next choice that needs less memory, or None.

    The order is that of `choose`. The precision does not change, because it would change the
    results.
    """
    recompute = "none" if train.recompute == "auto" else train.recompute
    now = estimate(train, recompute=recompute, device=device, fused=fused).total_bytes
    # A shorter segment saves too little, so skip to the next strategy.
    unresolved = train.override(recompute="auto", segment=1, optimizer_state="auto")
    for found in _list_candidates(unresolved, device, None, fused=fused):
        if found.estimate.total_bytes < now:
            return _resolve(train, found), found.estimate
    return None


def _require_full_precision_sums(train: TrainConfig) -> None:
    if train.precision in HALF_PRECISIONS and train.recompute == "none":
        raise InputError(
            f"precision {train.precision} with recompute none would add up the gradients of "
            f"{train.steps} steps in 16 bits",
            hint="Use --recompute step, which adds them up in float32.",
        )


def _list_candidates(
    train: TrainConfig,
    device: Device,
    half: HalfPrecision | None,
    *,
    together: bool = False,
    resident_floor: int | None = None,
    timings: Sequence[StepTiming] = (),
    fused: bool = True,
) -> Iterator[_Candidate]:
    """Yield every way to run `train`, in order of preference."""
    precisions: tuple[ResolvedPrecision, ...] = ("fp32",)
    if half and train.recompute != "none":
        precisions = ("fp32", half)
    if train.precision != "auto":
        precisions = (train.precision,)
    optimizer_states: tuple[ResolvedOptimizerState, ...] = ("device", "host")
    if train.optimizer_state != "auto":
        optimizer_states = (train.optimizer_state,)
    elif device == "cpu":
        optimizer_states = ("device",)
    for precision in precisions:
        for optimizer_state in optimizer_states:
            for recompute, segment in _list_episodes(train, device, precision, timings):
                resolved = train.override(
                    precision=precision, segment=segment, optimizer_state=optimizer_state
                )
                needs = estimate(
                    resolved,
                    recompute=recompute,
                    device=device,
                    together=together,
                    resident_floor=resident_floor,
                    fused=fused,
                )
                host = estimate_host_bytes(resolved, recompute) if device == "cuda" else 0
                yield _Candidate(recompute, segment, precision, optimizer_state, needs, host)


def _list_episodes(
    train: TrainConfig,
    device: Device,
    precision: ResolvedPrecision,
    timings: Sequence[StepTiming],
) -> list[tuple[ResolvedRecompute, int]]:
    """Return each way to differentiate an episode and its segment, the fastest first."""
    strategies: tuple[ResolvedRecompute, ...] = STRATEGIES[device]
    if train.recompute != "auto":
        strategies = (train.recompute,)
    elif precision in HALF_PRECISIONS:
        strategies = tuple(recompute for recompute in strategies if recompute != "none")
    lengths = [train.segment] if train.segment != "auto" else None
    lengths = lengths or list_segments(precision, train.steps, device=device)
    ways: list[tuple[ResolvedRecompute, int]] = []
    for recompute in strategies:
        ways.extend((recompute, length) for length in (lengths if recompute != "none" else [1]))

    def compute_cost(way: tuple[ResolvedRecompute, int]) -> float:
        return estimate_step_cost(way[0], precision, way[1], device=device, timings=timings)

    return sorted(ways, key=compute_cost)


def _make_choice(
    train: TrainConfig, found: _Candidate, budget: int | None, fits: bool | None, because: str
) -> Choice:
    return Choice(
        train=_resolve(train, found),
        recompute=found.recompute,
        segment=found.segment,
        precision=found.precision,
        optimizer_state=found.optimizer_state,
        estimate=found.estimate,
        host_bytes=found.host_bytes,
        budget_bytes=budget,
        fits=fits,
        because=because,
    )


def _resolve(train: TrainConfig, found: _Candidate) -> TrainConfig:
    return train.override(
        recompute=found.recompute,
        segment=found.segment,
        precision=found.precision,
        optimizer_state=found.optimizer_state,
    )


def _describe_need(found: _Candidate) -> str:
    needs = found.estimate
    peak, context = format_size(needs.predicted_peak_bytes), format_size(needs.context_bytes)
    host = f", and {format_size(found.host_bytes)} of the host" if found.host_bytes else ""
    return f"{_describe_candidate(found)} needs {peak} and {context} of context{host}"


def _describe_candidate(found: _Candidate) -> str:
    moments = ", AdamW's moments in host memory," if found.optimizer_state == "host" else ""
    precision = f" in {found.precision}" if found.precision != "fp32" else ""
    segment = f" in segments of {found.segment} steps" if found.segment > 1 else ""
    return f"recompute plan `{found.recompute}`{segment}{precision}{moments}"


def _explain(found: _Candidate, budget: int, candidates: list[_Candidate]) -> str:
    tried = candidates[: candidates.index(found)]
    lacking = ""
    if tried:
        least = min(tried, key=lambda c: c.estimate.total_bytes)
        lacking = (
            f"; preferred plans would need at least {format_size(least.estimate.total_bytes)} "
            f"({_describe_candidate(least)})"
        )
    return f"{_describe_need(found)}, within the budget of {format_size(budget)}{lacking}"
