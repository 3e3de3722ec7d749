"""Fields agree with values computed by hand."""

import numpy as np
import pytest

from qca.measures.fields import (
    BUILT_IN,
    compute_asymmetry,
    compute_change,
    compute_coherence,
    compute_density,
    compute_entropy,
    compute_phase,
    find_dominant,
)
from qca.measures.state import State
from tests.support.run_folders import field


def make_state(psi: np.ndarray, step: int = 0) -> State:
    return State.from_psi(step, psi.astype(np.complex64))


def fill(*components: complex, cells: int = 4) -> State:
    """Return identical cells."""
    return make_state(np.stack([np.full((cells, cells), one) for one in components]))


def test_density_is_the_squared_magnitude_of_one_component():
    assert compute_density(fill(0.6, 0.8j), None, 1) == pytest.approx(0.64)


@pytest.mark.parametrize(("amplitude", "phase"), [(1, 0), (1j, np.pi / 2), (-1, np.pi)])
def test_phase_is_the_angle_in_radians(amplitude, phase):
    assert compute_phase(fill(0, amplitude), None, 1) == pytest.approx(phase)


def test_the_dominant_component_is_counted_from_0():
    assert (find_dominant(fill(0.1, -0.7j, 0.5)) == 1).all()


@pytest.mark.parametrize(
    ("components", "bits"),
    [((1, 0, 0, 0), 0), ((0.5, 0.5j, -0.5, 0.5), 2), ((3, 3j), 1), ((0, 0), 0)],
)
def test_entropy_is_in_bits_for_any_norm(components, bits):
    assert compute_entropy(fill(*components)) == pytest.approx(bits, abs=1e-5)


def test_coherence_is_1_up_to_a_phase_and_0_between_orthogonal_cells():
    psi = np.zeros((2, 4, 4), complex)
    psi[0] = np.exp(1j * np.arange(16).reshape(4, 4))
    assert compute_coherence(make_state(psi)) == pytest.approx(1)
    psi[:, :, 2:] = [psi[1, :, 2:], psi[0, :, 2:]]
    half = compute_coherence(make_state(psi))
    # In a corner, one of two neighbors differs; along a side, one of three.
    assert half[:, 0] == pytest.approx(1)
    assert half[0, 1] == pytest.approx(2 / 3)
    assert half[1, 1] == pytest.approx(3 / 4)


def test_change_is_per_step_and_0_at_the_start():
    before, after = fill(1, 0), make_state(fill(0, 1j).psi, step=4)
    assert compute_change(after, before) == pytest.approx(np.sqrt(2) / 4)
    assert (compute_change(before) == 0).all()


def test_asymmetry_is_0_under_a_quarter_turn_and_the_losses_symmetry_otherwise():
    psi = np.zeros((1, 4, 4), complex)
    psi[0, :, :2] = 1
    assert compute_asymmetry(make_state(psi)).mean() == pytest.approx(0.5)
    assert (compute_asymmetry(fill(1, 1j)) == 0).all()


def test_a_grid_that_is_not_square_has_no_asymmetry():
    assert np.isnan(compute_asymmetry(make_state(np.ones((1, 4, 8))))).all()


@pytest.mark.parametrize("one", BUILT_IN, ids=lambda one: one.name)
def test_a_field_is_a_finite_number_for_each_cell(one):
    before, after = make_state(field(1)), make_state(field(2), step=1)
    for state in (after, make_state(np.zeros((3, 4, 8)))):
        values = one.compute(state, before if state is after else None, 2)
        assert values.shape == state.psi.shape[1:]
        assert values.dtype == np.float32
        assert np.isfinite(values).all() or one.name == "asymmetry"
    assert one.lowest is None or values.min() >= one.lowest or one.name == "asymmetry"
