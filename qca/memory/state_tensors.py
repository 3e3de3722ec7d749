"""The tensors of the update, the noise and the loss, beside the network's.

All of them are as large as a state (complex64), as half of one (its absolute values), or as
one float32 for each cell, whatever the network is. Hence two numbers describe each. They were
counted with `qca.memory.measure.LiveBytes` around `Evolution.advance` with a network that does
nothing, and around the loss, at d_state 1 to 64; `tests/memory/test_state_tensors.py` counts
them again.
"""

from collections.abc import Mapping
from typing import NamedTuple

from qca.core.losses import BuiltInLoss
from qca.memory.layers import FLOAT, Shape

COMPLEX = 8  # complex64


class StateTensors(NamedTuple):
    """So many states, and so many float32 fields of one number a cell."""

    states: float
    cells: float

    def count_bytes(self, shape: Shape) -> int:
        """Return the size for a batch."""
        return round(
            self.states * count_state_bytes(shape) + self.cells * shape.count_numbers(1) * FLOAT
        )


class OpMemory(NamedTuple):
    """The tensors of one operation on the state."""

    kept: StateTensors
    """After its forward: its results and the tensors that autograd saves."""
    peak: StateTensors
    """Peak during its backward, including the saved tensors and the incoming gradient."""


# (update, damped) -> the tensors of a step beside psi and what the network keeps; they include
# h, the network's output.
UPDATES = {
    ("cartesian", False): OpMemory(StateTensors(4, 3), StateTensors(10, 5)),
    ("cartesian", True): OpMemory(StateTensors(4, 3), StateTensors(10, 5)),
    ("unitary", False): OpMemory(StateTensors(5, 40.25), StateTensors(10, 41.25)),
    ("unitary", True): OpMemory(StateTensors(7, 42.5), StateTensors(12, 43.25)),
}
# The same for the first step, whose psi is given: nothing is kept for its gradient.
FIRST_UPDATES = {
    ("cartesian", False): OpMemory(StateTensors(3, 3), StateTensors(9, 5)),
    ("cartesian", True): OpMemory(StateTensors(3, 3), StateTensors(9, 5)),
    ("unitary", False): OpMemory(StateTensors(4, 35.25), StateTensors(9, 36.25)),
    ("unitary", True): OpMemory(StateTensors(5, 36.5), StateTensors(10, 36.5)),
}


class LossMemory(NamedTuple):
    """The tensors of a loss; at how many steps it is evaluated, `qca.core.losses` says."""

    cotangents: int
    """States of gradient that its backward returns for each sample step."""
    per_step: StateTensors
    """For each sample step, at the peak of its backward."""
    once: StateTensors
    """In addition, whatever the number of sample steps."""

    def compute_peak(self, sample_steps: int, shape: Shape) -> int:
        """Return the bytes at the peak of its backward."""
        states = self.per_step.states * sample_steps + self.once.states
        cells = self.per_step.cells * sample_steps + self.once.cells
        return StateTensors(states, cells).count_bytes(shape)


LOSSES: Mapping[BuiltInLoss, LossMemory] = {
    "evolutionary": LossMemory(1, StateTensors(1, 0.7), StateTensors(1.5, 1)),
    "mse_energy": LossMemory(0, StateTensors(0, 1), StateTensors(0, 0)),
    "structure": LossMemory(1, StateTensors(1.5, 0), StateTensors(1, 0)),
}


# Of a loss of an installed package nothing is known, and asking it would load torch; twice what
# the largest built-in one takes is room for some temporaries.
INSTALLED_LOSS = LossMemory(1, StateTensors(3, 2), StateTensors(3, 2))


def get_loss_memory(name: str) -> LossMemory:
    """Return the tensors of a loss by its name."""
    return {**LOSSES}.get(name, INSTALLED_LOSS)


def count_state_bytes(shape: Shape) -> int:
    """Return the size of one state: complex64, (B, d_state, grid, grid)."""
    return shape.batch_size * shape.d_state * shape.grid**2 * COMPLEX
