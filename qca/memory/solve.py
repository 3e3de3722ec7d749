"""Find the largest batch, grid or number of steps that fits a budget."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from qca.core.config import TrainConfig
from qca.core.errors import PlanError
from qca.core.unet_shape import GRID_MULTIPLE
from qca.memory.choose import Choice, choose
from qca.memory.machine import Machine

Dimension = Literal["batch", "grid", "steps"]

# Field of TrainConfig, its increment, and the largest value to try: TrainConfig's own limit, or for
# the batch a value that fits no device.
_DIMENSIONS: dict[Dimension, tuple[str, int, int]] = {
    "batch": ("batch_size", 1, 2**24),
    "grid": ("grid", GRID_MULTIPLE, 4096),
    "steps": ("steps", 1, 1_000_000),
}


class Solution(NamedTuple):
    """The largest batch, grid or number of steps that fits, and how to run it."""

    dimension: Dimension
    value: int
    choice: Choice


def solve(train: TrainConfig, budget: int, dimension: Dimension, machine: Machine) -> Solution:
    """Return the largest value of one dimension of `train` that fits `budget` bytes.

    The other dimensions do not change. The value is found by bisection in multiples of the
    dimension's increment, because the need grows with each dimension. There is one exception: in
    tiny networks, the need of `two-level` falls by a few percent at a step that starts a segment.
    The value returned then fits and the next one doesn't, but a larger one may.

    Raises:
        PlanError: even the smallest value does not fit; the message names its need and the budget.

    """
    field, unit, largest = _DIMENSIONS[dimension]

    def choose_at(count: int) -> Choice:
        return choose(train.override(**{field: count * unit}), budget, machine)

    if not (smallest := choose_at(1)).fits:
        raise PlanError(
            f"no value of {dimension} fits; with {field} = {unit}: {smallest.because}",
            hint="Give a larger --budget, or reduce --hidden-channels, --grid or --steps.",
        )
    count = _find_largest(lambda n: bool(choose_at(n).fits), largest // unit)
    return Solution(dimension, count * unit, choose_at(count))


def _find_largest(holds: Callable[[int], bool], limit: int) -> int:
    """Return the largest number up to `limit` for which `holds` is true, given that it is true for
    1."""
    low, high = 1, limit + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
