"""What the update of the state, the noise and the loss hold, beside the network.

All of their tensors are as large as a state (complex64), as half of one (its absolute
values), or as one float32 for each cell, whatever the network is. Hence two numbers for
each say everything. They were counted with `qca.memory.measure.LiveBytes` around
`Evolution.advance` with a network that does nothing, and around the loss, at d_state 1 to 64;
`tests/memory/test_state_tensors.py` counts them again.
"""

from typing import NamedTuple

from qca.core.losses import MAX_SAMPLE_STEPS
from qca.memory.layers import FLOAT, Shape

COMPLEX = 8  # complex64
MOMENTS = MAX_SAMPLE_STEPS["evolutionary"]


class Fields(NamedTuple):
    """So many states, and so many float32 fields of one number a cell."""

    states: float
    cells: float

    def bytes(self, shape: Shape) -> int:
        """Return the size for a batch."""
        return round(self.states * state_bytes(shape) + self.cells * shape.numbers(1) * FLOAT)


class Held(NamedTuple):
    """What one operation on the state holds."""

    kept: Fields
    """By autograd and by its results, after its forward."""
    peak: Fields
    """At the worst moment of its backward; that what was kept, and the arriving gradient."""


# (update, damped) -> what a step holds beside psi and what the network keeps; h, the
# network's output, is in it.
UPDATES = {
    ("cartesian", False): Held(Fields(4, 3), Fields(10, 5)),
    ("cartesian", True): Held(Fields(4, 3), Fields(10, 5)),
    ("unitary", False): Held(Fields(4, 39.25), Fields(10, 42.25)),
    ("unitary", True): Held(Fields(6, 41.5), Fields(11, 46.25)),
}
# The same for the first step, whose psi is given: nothing is kept for its gradient.
FIRST_UPDATES = {
    ("cartesian", False): Held(Fields(3, 3), Fields(9, 5)),
    ("cartesian", True): Held(Fields(3, 3), Fields(9, 5)),
    ("unitary", False): Held(Fields(3, 34.25), Fields(8, 38.25)),
    ("unitary", True): Held(Fields(4, 35.5), Fields(9, 38.25)),
}


class Judged(NamedTuple):
    """What a loss holds."""

    moments: int
    """At how many it looks, if the episode has as many."""
    pulls: int
    """States of gradient that it hands back for each moment."""
    each: Fields
    """For each moment, at the worst moment of its backward."""
    once: Fields
    """Beside that, however many the moments."""

    def peak(self, moments: int, shape: Shape) -> int:
        """Return the bytes at the worst moment of its backward."""
        states = self.each.states * moments + self.once.states
        return Fields(states, self.each.cells * moments + self.once.cells).bytes(shape)


LOSSES = {
    "evolutionary": Judged(MOMENTS, 1, Fields(1, 0.7), Fields(1.5, 1)),
    "mse_energy": Judged(1, 0, Fields(0, 1), Fields(0, 0)),
    "structure": Judged(MOMENTS, 1, Fields(1.5, 0), Fields(1, 0)),
}


def state_bytes(shape: Shape) -> int:
    """Return the size of one state: complex64, (B, d_state, grid, grid)."""
    return shape.batch_size * shape.d_state * shape.grid**2 * COMPLEX
