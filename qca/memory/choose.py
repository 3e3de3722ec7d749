"""Choose how an episode is recomputed, or how large a training may be, for a budget."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from qca.core.config import (
    HALF_PRECISIONS,
    HalfPrecision,
    ResolvedOptimizerState,
    ResolvedPrecision,
    ResolvedRecompute,
    TrainConfig,
)
from qca.core.errors import InputError, PlanError
from qca.core.unet_shape import GRID_MULTIPLE
from qca.core.units import format_size
from qca.memory.budget import Estimate, estimate, host_bytes

Device = Literal["cpu", "cuda"]
Dimension = Literal["batch", "grid", "steps"]

# In the order of preference, and of need but for `none`.
PLANS: dict[Device, tuple[ResolvedRecompute, ...]] = {
    "cpu": ("none", "step", "two-level"),
    "cuda": ("none", "step", "two-level", "host"),
}


@dataclass(frozen=True)
class Choice:
    """How to run a training within a budget, with the sentence that says why."""

    train: TrainConfig
    """With precision, recompute and optimizer_state resolved."""
    recompute: ResolvedRecompute
    precision: ResolvedPrecision
    optimizer_state: ResolvedOptimizerState
    estimate: Estimate
    host_bytes: int
    """What a GPU's training keeps in the host's memory by plan, beside all else."""
    budget_bytes: int | None
    fits: bool | None
    """None where the budget is unknown."""
    because: str


class _Candidate(NamedTuple):
    recompute: ResolvedRecompute
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
) -> Choice:
    """Return how to run `train`: as it says, and where it says `auto`, the first that fits.

    float32 with the optimizer on the device comes first, with more and more recomputation;
    then the optimizer's state goes to host memory; last comes `half`, the 16-bit format that
    the card has, if any. The batch and the model stay as they are. What a plan moves to the
    host has to fit `host_budget`, where that is known. Budgets and needs are those of one
    process, also where several train `together`.

    Where nothing fits, it is the candidate that needs least, with `fits` False.

    Raises:
        InputError: for a combination that would not train well.

    """
    _check(train)
    candidates = list(_candidates(train, device, half, together=together))
    if budget is None:
        found = next((one for one in candidates if one.recompute == "step"), candidates[0])
        why = f"the budget is unknown; {_need(found)}"
        return _choice(train, found, None, None, why)
    room = host_budget if host_budget is not None else max(one.host_bytes for one in candidates)
    for found in candidates:
        if found.estimate.fits(budget) and found.host_bytes <= room:
            return _choice(train, found, budget, True, _why(found, budget, candidates))
    within = [one for one in candidates if one.host_bytes <= room]
    if not within:
        least = candidates[0]
        why = f"{_need(least)}, more than the {format_size(room)} that the host has for it"
        return _choice(train, least, budget, False, why)
    least = min(within, key=lambda one: one.estimate.total_bytes)
    why = f"{_need(least)}, more than the budget of {format_size(budget)}"
    return _choice(train, least, budget, False, why)


def next_cheaper(train: TrainConfig, *, device: Device) -> tuple[TrainConfig, Estimate] | None:
    """Return the same training under the next plan that needs less; None if none does.

    The order is that of `choose`. The precision stays: another would change what is computed.
    """
    recompute = "none" if train.recompute == "auto" else train.recompute
    now = estimate(train, recompute=recompute, device=device).total_bytes
    free = train.override(recompute="auto", optimizer_state="auto")
    for found in _candidates(free, device, None):
        if found.estimate.total_bytes < now:
            return _resolved(train, found), found.estimate
    return None


def _check(train: TrainConfig) -> None:
    if train.precision in HALF_PRECISIONS and train.recompute == "none":
        raise InputError(
            f"precision {train.precision} with recompute none would add up the gradients of "
            f"{train.steps} steps in 16 bits",
            hint="Use --recompute step, which adds them up in float32.",
        )


def _candidates(
    train: TrainConfig,
    device: Device,
    half: HalfPrecision | None,
    *,
    together: bool = False,
) -> Iterator[_Candidate]:
    """Yield every way to run `train`, in the order of preference."""
    precisions: tuple[ResolvedPrecision, ...] = ("fp32", half) if half else ("fp32",)
    if train.precision != "auto":
        precisions = (train.precision,)
    places: tuple[ResolvedOptimizerState, ...] = ("device", "host")
    if train.optimizer_state != "auto":
        places = (train.optimizer_state,)
    elif device == "cpu":
        places = ("device",)
    plans = PLANS[device] if train.recompute == "auto" else (train.recompute,)
    for precision in precisions:
        for place in places:
            for plan in plans:
                if plan == "none" and precision in HALF_PRECISIONS:
                    continue
                chosen = {"precision": precision, "optimizer_state": place}
                resolved = train.override(**chosen)
                needs = estimate(resolved, recompute=plan, device=device, together=together)
                there = host_bytes(resolved, plan) if device == "cuda" else 0
                yield _Candidate(plan, precision, place, needs, there)


def _choice(
    train: TrainConfig, found: _Candidate, budget: int | None, fits: bool | None, because: str
) -> Choice:
    return Choice(
        train=_resolved(train, found),
        recompute=found.recompute,
        precision=found.precision,
        optimizer_state=found.optimizer_state,
        estimate=found.estimate,
        host_bytes=found.host_bytes,
        budget_bytes=budget,
        fits=fits,
        because=because,
    )


def _resolved(train: TrainConfig, found: _Candidate) -> TrainConfig:
    chosen = {
        "recompute": found.recompute,
        "precision": found.precision,
        "optimizer_state": found.optimizer_state,
    }
    return train.override(**chosen)


class Solution(NamedTuple):
    """The largest batch, grid or number of steps that fits, and how it is run."""

    dimension: Dimension
    value: int
    choice: Choice


def solve(
    train: TrainConfig,
    budget: int,
    dimension: Dimension,
    *,
    device: Device = "cuda",
    host_budget: int | None = None,
) -> Solution:
    """Return the largest value of one dimension of `train` that fits `budget` bytes.

    The other dimensions stay as they are. Need grows with each dimension, so the
    largest that fits is found by bisection, in the dimension's own step.

    Raises:
        PlanError: not even the smallest fits; says what it needs and what there is.

    """
    field, unit, largest = _DIMENSIONS[dimension]

    def at(count: int) -> Choice:
        resized = train.override(**{field: count * unit})
        return choose(resized, budget, device=device, host_budget=host_budget)

    if not (smallest := at(1)).fits:
        raise PlanError(
            f"no {dimension} fits: {field} = {unit}: {smallest.because}",
            hint="Give a larger --budget, or fewer --hidden-channels, --grid or --steps.",
        )
    count = _largest(lambda n: bool(at(n).fits), largest // unit)
    return Solution(dimension, count * unit, at(count))


# Field of TrainConfig, step in which it goes, and the largest value to look at:
# those of TrainConfig, and for the batch one that no device holds.
_DIMENSIONS: dict[Dimension, tuple[str, int, int]] = {
    "batch": ("batch_size", 1, 2**24),
    "grid": ("grid", GRID_MULTIPLE, 4096),
    "steps": ("steps", 1, 1_000_000),
}


def _largest(holds: Callable[[int], bool], limit: int) -> int:
    """Return the largest number up to `limit` that `holds`, given that 1 does."""
    low, high = 1, limit + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _need(found: _Candidate) -> str:
    needs = found.estimate
    peak, context = format_size(needs.predicted_peak_bytes), format_size(needs.context_bytes)
    host = f", and {format_size(found.host_bytes)} of the host" if found.host_bytes else ""
    return f"{_how(found)} needs {peak} and {context} of context{host}"


def _how(found: _Candidate) -> str:
    moments = ", AdamW's moments in host memory," if found.optimizer_state == "host" else ""
    precision = f" in {found.precision}" if found.precision != "fp32" else ""
    return f"recompute plan `{found.recompute}`{precision}{moments}"


def _why(found: _Candidate, budget: int, candidates: list[_Candidate]) -> str:
    tried = candidates[: candidates.index(found)]
    lacking = ""
    if tried:
        least = min(tried, key=lambda one: one.estimate.total_bytes)
        lacking = (
            f"; what is preferred to it would need {format_size(least.estimate.total_bytes)} "
            f"or more ({_how(least)})"
        )
    return f"{_need(found)}, within the budget of {format_size(budget)}{lacking}"
