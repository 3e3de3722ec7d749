"""One recording for all tests of what becomes of it."""

import numpy as np
import pytest

from qca.measures.choose_field import choose_field
from qca.measures.state import State
from qca.rollout.recording import Recording
from tests.support.run_folders import field

FIELDS = ("density:1", "phase", "dominant")


@pytest.fixture(scope="session")
def states() -> list[State]:
    """Five states of 8x8 cells, two steps apart."""
    return [State.from_psi(2 * step, field(step)) for step in range(5)]


@pytest.fixture(scope="session")
def recording(states: list[State]) -> Recording:
    return record(states)


def record(states: list[State], **options: bool | int) -> Recording:
    recording = Recording([choose_field(name, 3) for name in FIELDS], **options)
    for state in states:
        recording.add(state)
    return recording


def half_black() -> np.ndarray:
    """Return a frame, (H, W), whose left half is the lowest place of a palette."""
    return np.repeat(np.array([[0, 0, 255, 255]], np.uint8), 4, axis=0)
