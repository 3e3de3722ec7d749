"""Measures agree with values computed by hand."""

import numpy as np
import pytest

from qca.measures.over_time import (
    MEASURES,
    measure_activity,
    measure_all,
    measure_energy,
    measure_frequency,
    measure_norm_error,
    measure_series,
)
from qca.measures.state import State
from tests.support.run_folders import field


def make_state(psi: np.ndarray, step: int = 0) -> State:
    return State.from_psi(step, psi.astype(np.complex64))


def test_energy_is_measured_before_the_renormalization():
    state = State(1, field(), np.full((8, 8), 0.8, np.float32))
    assert measure_energy(state) == pytest.approx(0.8)
    assert measure_norm_error(state) == pytest.approx(0, abs=1e-6)


def test_the_norm_error_is_the_loss_by_damping():
    assert measure_norm_error(make_state(0.5 * field())) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("pattern", "frequency"),
    [
        (np.ones((8, 8)), 0),
        (np.arange(8) % 2 * np.ones((8, 1)), 0.5),
        (np.indices((8, 8)).sum(axis=0) % 2, np.hypot(0.5, 0.5)),
        (1 + np.cos(np.arange(8) * np.pi / 4) * np.ones((8, 1)), 1 / 8),
    ],
    ids=["uniform", "stripes", "checkerboard", "one wave"],
)
def test_frequency_is_in_cycles_per_cell(pattern, frequency):
    psi = np.sqrt(pattern)[None]
    assert measure_frequency(make_state(psi)) == pytest.approx(frequency, abs=1e-4)


def test_activity_is_unknown_at_the_start_and_per_step_afterwards():
    start, later = make_state(field()), make_state(-field(), step=2)
    assert np.isnan(measure_activity(start))
    assert measure_activity(later, start) == pytest.approx(1)


def test_a_series_has_a_number_for_each_state():
    series = measure_series(make_state(field(step), step=3 * step) for step in range(4))
    assert series["step"] == [0, 3, 6, 9]
    assert {len(values) for values in series.values()} == {4}
    assert series.keys() == {"step"} | {measure.name for measure in MEASURES}
    assert set(measure_all(make_state(field()))) == series.keys() - {"step"}
