"""One recording for the tests of all output formats."""

import pytest

from qca.measures.choose_field import choose_field
from qca.measures.state import State
from qca.rollout.recording import Recording
from tests.support.run_folders import field

FIELDS = ("density:1", "phase", "dominant")


@pytest.fixture(scope="session")
def states() -> list[State]:
    """Return five states of 8x8 cells, two steps apart."""
    return [State.from_psi(2 * step, field(step)) for step in range(5)]


@pytest.fixture(scope="session")
def recording(states: list[State]) -> Recording:
    return record(states)


def record(states: list[State], *, keeps_states: bool = False, stride: int = 1) -> Recording:
    recording = Recording([choose_field(name, 3) for name in FIELDS], keeps_states, stride)
    for state in states:
        recording.add(state)
    return recording
