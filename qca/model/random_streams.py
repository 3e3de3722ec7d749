"""Random generators identified by counters, so any process can draw any sample's numbers.

A stream is identified by (run seed, purpose, global sample index, step) and does not depend on
earlier draws: it is the same in any batch or process, after a restart, and when a step is
recomputed. All numbers are drawn on the CPU, so they are the same for every device.
"""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """The purpose of a stream; streams of different purposes are independent."""

    WEIGHTS = 0
    STATE = 1
    NOISE = 2
    EVALUATION = 3
    """Initial states that are never used for training, with any seed."""


def make_generator(seed: int, purpose: Purpose, *counters: int) -> np.random.Generator:
    """Return the generator of the stream identified by `seed`, `purpose` and `counters`."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose, *counters)))
