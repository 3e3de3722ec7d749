"""Random generators named by counters, so that any process can draw any sample's numbers.

A generator's stream belongs to (run seed, purpose, global sample index, step). Nothing depends on
what was drawn before, hence not on the batch, the process, a restart or a recomputation.
All numbers are drawn on the CPU: every device then sees the same.
"""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream is for; streams of two purposes are independent."""

    WEIGHTS = 0
    STATE = 1
    NOISE = 2
    EVALUATION = 3
    """States that no training has seen, whatever its seed."""


def make_generator(seed: int, purpose: Purpose, *counters: int) -> np.random.Generator:
    """Return the generator of the stream named by `seed`, `purpose` and `counters`."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose, *counters)))
