"""Choose how an episode is recomputed, or how large a training may be, for a budget."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from qca.config import Recompute, TrainConfig
from qca.errors import PlanError
from qca.memory.budget import PLANS, Estimate, Plan, estimate
from qca.units import format_size

Device = Literal["cpu", "cuda"]
Dimension = Literal["batch", "grid", "steps"]


@dataclass(frozen=True)
class Choice:
    """A recompute plan for a budget, with the sentence that says why."""

    recompute: Plan
    estimate: Estimate
    budget_bytes: int | None
    fits: bool | None
    """None where the budget is unknown."""
    because: str


def choose(
    train: TrainConfig,
    budget: int | None,
    *,
    recompute: Recompute = "auto",
    device: Device = "cuda",
) -> Choice:
    """Return the plan to run `train` with: the given one, or the fastest that fits `budget`.

    Where nothing fits, it is the plan that needs least, with `fits` False; where the
    budget is unknown, `auto` takes that plan too.
    """
    plans: tuple[Plan, ...] = PLANS if recompute == "auto" else (recompute,)
    estimates = [estimate(train, recompute=plan, device=device) for plan in plans]
    least = min(estimates, key=lambda one: one.total_bytes)
    if budget is None:
        why = f"the budget is unknown; {_need(least)}"
        return Choice(least.recompute, least, None, None, why)
    for found in estimates:
        if found.fits(budget):
            return Choice(found.recompute, found, budget, True, _why(found, budget, estimates))
    why = f"{_need(least)}, more than the budget of {format_size(budget)}"
    return Choice(least.recompute, least, budget, False, why)


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
    recompute: Recompute = "auto",
    device: Device = "cuda",
) -> Solution:
    """Return the largest value of one dimension of `train` that fits `budget` bytes.

    The other dimensions stay as they are. Need grows with each dimension, so the
    largest that fits is found by bisection, in the dimension's own step.

    Raises:
        PlanError: not even the smallest fits; says what it needs and what there is.

    """
    field, unit, largest = _DIMENSIONS[dimension]

    def at(count: int) -> Choice:
        resized = train.model_copy(update={field: count * unit})
        return choose(resized, budget, recompute=recompute, device=device)

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
    "grid": ("grid", 4, 4096),
    "steps": ("steps", 1, 1_000_000),
}


def _largest(holds: Callable[[int], bool], limit: int) -> int:
    """Return the largest number up to `limit` that `holds`, given that 1 does."""
    low, high = 1, limit + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _need(found: Estimate) -> str:
    peak, context = format_size(found.predicted_peak_bytes), format_size(found.context_bytes)
    return f"recompute plan `{found.recompute}` needs {peak} and {context} of context"


def _why(found: Estimate, budget: int, estimates: list[Estimate]) -> str:
    faster = estimates[: estimates.index(found)]
    lacking = "".join(
        f"; the faster `{one.recompute}` would need {format_size(one.total_bytes)}"
        for one in faster
    )
    return f"{_need(found)}, within the budget of {format_size(budget)}{lacking}"
