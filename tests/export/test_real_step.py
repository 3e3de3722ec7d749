"""The step in real numbers equals the step in complex numbers."""

import pytest
import torch

from qca.export.real_step import Parts, RealStep, rotate
from qca.model import evolution
from qca.model.initial_state import draw_initial_state
from tests.support.models import lively_evolution


@pytest.mark.parametrize("d_state", [1, 4])
@pytest.mark.parametrize("gamma", [0.0, 0.05])
@pytest.mark.parametrize("update", ["cartesian", "unitary"])
def test_it_is_the_step_of_the_evolution(update, gamma, d_state):
    evolution = lively_evolution(update, gamma, d_state=d_state)
    psi = draw_initial_state(0, range(2), d_state=d_state, grid=8)
    psi = psi * torch.linspace(0.2, 1, 8) if update == "unitary" and gamma else psi
    with torch.no_grad():
        expected = evolution(psi)
        real, imaginary = RealStep(evolution)(psi.real, psi.imag)
    assert (torch.complex(real, imaginary) - expected).abs().max() < 1e-6
    assert (expected - psi).abs().max() > 1e-3


def test_a_cell_that_rotates_far_is_corrected_to_norm_1():
    psi = 1.001 * draw_initial_state(0, range(1), d_state=3, grid=8)
    h = 3j * psi  # nearly half a turn
    found = torch.complex(*rotate(Parts(psi.real, psi.imag), Parts(h.real, h.imag)))
    assert (found - evolution.rotate(psi, h)).abs().max() < 1e-6
    assert (found.abs().square().sum(dim=1) - 1).abs().max() < 1e-5
