"""Count the tensors of the update, the noise and the loss, without those of the network.

With any network, each tensor is as large as a state (complex64), half a state (its absolute
values), or one float32 per cell, so two numbers describe them all. They were counted with
`tests.support.live_bytes` around `Evolution.advance` with a no-op network, and around the loss, at
d_state 1 to 64; `tests/memory/test_state_tensors.py` counts them again.
"""

from collections.abc import Mapping
from typing import NamedTuple

from qca.core.losses import BuiltInLoss
from qca.memory.layers import FLOAT, Shape

COMPLEX = 8  # complex64


class StateTensors(NamedTuple):
    """A number of states and a number of float32 fields with one number per cell."""

    states: float
    cells: float

    def count_bytes(self, shape: Shape) -> int:
        """Return the bytes of these tensors for one batch."""
        return round(
            self.states * count_state_bytes(shape) + self.cells * shape.count_numbers(1) * FLOAT
        )


class OpMemory(NamedTuple):
    """The tensors of one operation on the state."""

    kept: StateTensors
    """After its forward: its results and the tensors that autograd saves."""
    peak: StateTensors
    """At the peak of its backward, including the saved tensors and the incoming gradient."""


# (update, damped) -> the tensors of a step without psi and the network's saved tensors; they
# include h, the network's output.
UPDATES = {
    ("cartesian", False): OpMemory(StateTensors(4, 3), StateTensors(10, 5)),
    ("cartesian", True): OpMemory(StateTensors(4, 3), StateTensors(10, 5)),
    ("unitary", False): OpMemory(StateTensors(5, 40.25), StateTensors(10, 41.25)),
    ("unitary", True): OpMemory(StateTensors(7, 42.5), StateTensors(12, 43.25)),
}
# The peak of a step's update without autograd, including h and the results, but not psi.
FORWARDS = {
    ("cartesian", False): StateTensors(4, 0),
    ("cartesian", True): StateTensors(4, 0),
    ("unitary", False): StateTensors(5, 11),
    ("unitary", True): StateTensors(6, 12),
}
# The same as in `UPDATES` for the first step, whose psi needs no gradient.
FIRST_UPDATES = {
    ("cartesian", False): OpMemory(StateTensors(3, 3), StateTensors(9, 5)),
    ("cartesian", True): OpMemory(StateTensors(3, 3), StateTensors(9, 5)),
    ("unitary", False): OpMemory(StateTensors(4, 35.25), StateTensors(9, 36.25)),
    ("unitary", True): OpMemory(StateTensors(5, 36.5), StateTensors(10, 36.5)),
}


class LossMemory(NamedTuple):
    """The tensors of a loss; `qca.core.losses` defines the steps at which it is evaluated."""

    cotangents: int
    """The size, in states, of the gradients that its backward returns for each sample step."""
    per_step: StateTensors
    """Tensors for each sample step, at the peak of its backward."""
    once: StateTensors
    """Additional tensors, independent of the number of sample steps."""

    def compute_peak(self, sample_steps: int, shape: Shape) -> int:
        """Return the bytes at the peak of the loss's backward."""
        states = self.per_step.states * sample_steps + self.once.states
        cells = self.per_step.cells * sample_steps + self.once.cells
        return StateTensors(states, cells).count_bytes(shape)


LOSSES: Mapping[BuiltInLoss, LossMemory] = {
    "evolutionary": LossMemory(1, StateTensors(1, 0.7), StateTensors(1.5, 1)),
    "mse_energy": LossMemory(0, StateTensors(0, 1), StateTensors(0, 0)),
    "structure": LossMemory(1, StateTensors(1.5, 0), StateTensors(1, 0)),
}


# The tensors of a loss from an installed package are unknown, and reading them would load torch;
# twice the largest built-in loss leaves room for some temporaries.
INSTALLED_LOSS = LossMemory(1, StateTensors(3, 2), StateTensors(3, 2))


def get_loss_memory(name: str) -> LossMemory:
    """Return the tensors of the named loss."""
    return {**LOSSES}.get(name, INSTALLED_LOSS)


def count_state_bytes(shape: Shape) -> int:
    """Return the size of one state: complex64, (B, d_state, grid, grid)."""
    return shape.batch_size * shape.d_state * shape.grid**2 * COMPLEX
