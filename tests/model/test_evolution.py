from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from qca.model import Evolution, UNetUnitary
from qca.model.evolution import (
    compute_squared_norm,
    cos_and_sinc,
    damp,
    rotate,
    rotate_any_norm,
    step_cartesian,
)
from qca.model.initial_state import draw_initial_state
from tests.support.models import lively_evolution, lively_model

UPDATES = ("cartesian", "unitary")


def _cell(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values).reshape(1, -1, 1, 1)


def _complex(draw: np.random.Generator, d: int) -> np.ndarray:
    return draw.standard_normal(d) + 1j * draw.standard_normal(d)


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("gamma", [0.0, 0.05])
@pytest.mark.parametrize("d_state", [1, 2, 5])
def test_a_step_keeps_type_and_shape(update, gamma, d_state):
    psi = draw_initial_state(0, [0, 1], d_state=d_state, grid=8)
    step = lively_evolution(update, gamma, d_state=d_state).advance(psi)
    assert (step.psi.dtype, step.psi.shape) == (torch.complex64, psi.shape)
    assert (step.squared_norm.dtype, step.squared_norm.shape) == (torch.float32, (2, 8, 8))


def test_calling_it_returns_the_state_of_advance():
    evolution = lively_evolution("cartesian", 0.01)
    psi = draw_initial_state(0, [0], d_state=4, grid=8)
    assert torch.equal(evolution(psi), evolution.advance(psi).psi)


def test_the_field_takes_the_first_half_of_the_channels_as_its_real_part():
    class Channels(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            assert torch.equal(x[:, :2], torch.ones_like(x[:, :2]))  # real parts first
            return torch.arange(4.0).reshape(1, 4, 1, 1).expand_as(x)

    h = Evolution(Channels()).compute_field(torch.full((1, 2, 4, 4), 1 + 2j))
    assert h[0, :, 0, 0].tolist() == [0 + 2j, 1 + 3j]


def test_cartesian_is_a_normalized_lossy_euler_step():
    draw = np.random.default_rng(0)
    psi, h = _complex(draw, 3), _complex(draw, 3)
    moved = psi + h * psi - 0.25 * psi
    step = step_cartesian(_cell(psi), _cell(h), 0.25)
    np.testing.assert_allclose(step.psi.flatten(), moved / np.linalg.norm(moved), rtol=1e-8)
    np.testing.assert_allclose(step.squared_norm.flatten(), np.linalg.norm(moved) ** 2, rtol=1e-12)


@given(
    seed=st.integers(0, 2**32), d=st.integers(1, 16), scale=st.sampled_from([0, 1e-8, 1e-3, 1, 5])
)
@settings(max_examples=60, deadline=None)
def test_unitary_is_the_exponential_of_the_generator(seed: int, d: int, scale: float):
    draw = np.random.default_rng(seed)
    psi = _complex(draw, d)
    psi /= np.linalg.norm(psi)
    h = scale * _complex(draw, d)
    generator = np.outer(h, psi.conj()) - np.outer(psi, h.conj())
    expected = torch.linalg.matrix_exp(torch.from_numpy(generator)) @ torch.from_numpy(psi)
    torch.testing.assert_close(
        rotate(_cell(psi), _cell(h)).flatten(), expected, rtol=0, atol=1e-12 * max(1.0, scale * d)
    )


@pytest.mark.parametrize("norm", [1e-3, 0.5, 1.0])
def test_rotating_a_damped_cell_keeps_its_norm(norm: float):
    draw = np.random.default_rng(1)
    psi, h = _complex(draw, 4), _complex(draw, 4)
    psi /= np.linalg.norm(psi)
    turned = rotate_any_norm(_cell(norm * psi), _cell(h))
    torch.testing.assert_close(turned, norm * rotate(_cell(psi), _cell(h)))


@pytest.mark.parametrize("std", [1e-5, 0.05, 1.0])
def test_unitary_keeps_every_norm_for_500_steps_without_renormalization(std: float):
    evolution = Evolution(lively_model(3, 8, std), 0.0, "unitary")
    psi = draw_initial_state(0, [0], d_state=3, grid=8)
    with torch.no_grad():
        for _ in range(500):
            psi = evolution(psi)
    assert (compute_squared_norm(psi).sqrt() - 1).abs().max() < 2e-6


# Angles from far below rounding to sixteen turns, and fields that rotate all cells equally.
ANGLES = [1e-6, 1e-3, 0.1, 1.0, 3.0, 6.0, 20.0, 100.0]
FIELDS = ["same at every step", "other at every step", "along psi"]


def find_norm_errors(
    step: Any, psi: Tensor, dtype: torch.dtype, field: str, *, norm: float = 1.0, steps: int = 500
) -> dict[float, float]:
    """Return the largest relative change of a norm after `steps` random steps, for each angle."""
    angles = torch.tensor(ANGLES).reshape(-1, 1, 1, 1)
    psi = psi.to(dtype).repeat(len(ANGLES), 1, 1, 1)
    start = psi = psi / measure_norm(psi).unsqueeze(1).to(psi.real.dtype) * norm
    fixed = torch.randn(psi.shape, dtype=dtype, generator=torch.manual_seed(0))
    fixed *= angles / psi.shape[1] ** 0.5
    for t in range(steps):
        h = fixed.roll(t, dims=2) if field == "other at every step" else fixed
        psi = step(psi, h + angles * psi if field == "along psi" else h)
    errors = (measure_norm(psi) / measure_norm(start) - 1).abs().amax(dim=(1, 2))
    return dict(zip(ANGLES, errors.tolist(), strict=True))


def measure_norm(psi: Tensor) -> Tensor:
    return torch.linalg.vector_norm(psi.to(torch.complex128), dim=1)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(("dtype", "error"), [(torch.complex64, 5e-7), (torch.complex128, 2e-15)])
@pytest.mark.parametrize("d_state", [1, 3, 14])
def test_rotations_by_any_angle_keep_every_norm(
    d_state: int, dtype: torch.dtype, error: float, field: str
):
    psi = draw_initial_state(0, [0], d_state=d_state, grid=8)
    found = find_norm_errors(rotate, psi, dtype, field)
    assert {angle: size for angle, size in found.items() if not size < error} == {}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(("dtype", "error"), [(torch.complex64, 6e-5), (torch.complex128, 1.2e-13)])
@pytest.mark.parametrize("d_state", [1, 3])
def test_a_damped_cells_norm_drifts_by_one_rounding_per_step(
    d_state: int, dtype: torch.dtype, error: float, field: str
):
    """The error of a number that is rounded at each of 500 steps: 500 times 2^-23 or 2^-52."""
    psi = draw_initial_state(0, [0], d_state=d_state, grid=8)
    found = find_norm_errors(rotate_any_norm, psi, dtype, field, norm=0.37)
    assert {angle: size for angle, size in found.items() if not size < error} == {}


@pytest.mark.parametrize("angle", ANGLES)
def test_damping_after_any_rotation_equals_double_precision(angle: float):
    psi = draw_initial_state(0, [0], d_state=3, grid=8)
    h = angle * draw_initial_state(1, [0], d_state=3, grid=8)
    found = damp(rotate_any_norm(psi, h), 0.05)
    exact = damp(rotate_any_norm(psi.to(torch.complex128), h.to(torch.complex128)), 0.05)
    atol = 1e-6 * max(1.0, angle)  # the angle itself has a rounding error
    torch.testing.assert_close(found.psi.to(torch.complex128), exact.psi, rtol=0, atol=atol)
    torch.testing.assert_close(found.squared_norm.double(), exact.squared_norm, rtol=0, atol=atol)


def test_cartesian_measures_the_weight_before_normalizing():
    psi = draw_initial_state(0, [0], d_state=4, grid=8)
    step = lively_evolution("cartesian", 0.1).advance(psi)
    assert (step.squared_norm - 1).abs().min() > 1e-3
    torch.testing.assert_close(compute_squared_norm(step.psi), torch.ones(1, 1, 8, 8))


def test_damping_spares_the_ground_level_and_reports_the_remaining_weight():
    psi = _cell(np.array([0.6, 0.0, 0.8j]))
    step = damp(psi, 0.25)
    torch.testing.assert_close(
        step.psi.flatten(), torch.tensor([0.6, 0, 0.75**0.5 * 0.8j]).to(torch.complex128)
    )
    assert step.squared_norm.item() == pytest.approx(1 - 0.25 * 0.64)


def test_damping_is_not_removed_by_normalization():
    evolution = lively_evolution("unitary", 0.05)
    psi = draw_initial_state(0, [0], d_state=4, grid=8)
    weights = [1.0]
    with torch.no_grad():
        for _ in range(20):
            psi, weight = evolution.advance(psi)
            weights.append(weight.mean().item())
            torch.testing.assert_close(compute_squared_norm(psi).squeeze(1), weight)
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] < 0.6


@pytest.mark.parametrize("theta_squared", [0.0, 1e-30, 1e-9, 0.0999999, 0.1, 0.1000001, 2.0, 90.0])
def test_cos_and_sinc_and_their_gradients_are_right_on_both_sides_of_zero_and_threshold(
    theta_squared: float,
):
    x = torch.tensor(theta_squared, dtype=torch.float64, requires_grad=True)
    cos, sinc = cos_and_sinc(x)
    theta = theta_squared**0.5
    assert cos.item() == pytest.approx(np.cos(theta), abs=1e-14)
    assert sinc.item() == pytest.approx(np.sinc(theta / np.pi), abs=1e-14)
    (slope_of_cos,) = torch.autograd.grad(cos, x, retain_graph=True)
    (slope_of_sinc,) = torch.autograd.grad(sinc, x)
    assert slope_of_cos.item() == pytest.approx(-0.5 * np.sinc(theta / np.pi), abs=1e-12)
    expected = (np.cos(theta) - np.sinc(theta / np.pi)) / (2 * theta**2) if theta > 1e-2 else -1 / 6
    assert slope_of_sinc.item() == pytest.approx(expected, abs=1e-9)


STEPS = {
    "rotate": rotate,
    "rotate_any_norm": rotate_any_norm,
    "damp": lambda psi, h: damp(rotate_any_norm(psi, h), 0.1),
    "cartesian": lambda psi, h: step_cartesian(psi, h, 0.1),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("angle", [1e-6, 1e-2, 0.5, 3.0, 6.3, 20.0])
def test_gradients_match_finite_differences(step, angle: float):
    psi = draw_initial_state(0, [0], d_state=3, grid=4).to(torch.complex128).requires_grad_()
    h = angle * draw_initial_state(1, [0], d_state=3, grid=4).to(torch.complex128)
    assert torch.autograd.gradcheck(step, (psi, h.requires_grad_()), atol=1e-5 * max(1.0, angle))


@pytest.mark.parametrize("angle", ANGLES)
def test_gradients_in_single_precision_match_double(angle: float):
    def differentiate(dtype: torch.dtype) -> Tensor:
        psi, h, weight = (draw_initial_state(n, [0], d_state=3, grid=8).to(dtype) for n in range(3))
        h = (angle * h).requires_grad_()
        (rotate(psi, h) * weight).real.sum().backward()
        assert h.grad is not None
        return h.grad.to(torch.complex128)

    exact = differentiate(torch.complex128)
    error = (differentiate(torch.complex64) - exact).norm() / exact.norm()
    assert error < 1e-6 * max(1.0, angle)


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("gamma", [0.0, 0.01, 1.0])
def test_a_zero_field_or_cell_does_not_divide_by_zero(update, gamma):
    model = UNetUnitary(2, 8)
    torch.nn.init.zeros_(model.outc.weight)
    psi = draw_initial_state(0, [0], d_state=2, grid=4)
    psi[..., 0, 0] = torch.tensor([0, 1])  # gamma 1 damps all of it
    psi[..., 1, 1] = 0
    step = Evolution(model, gamma, update).advance(psi.requires_grad_())
    (step.psi.abs().sum() + step.squared_norm.sum()).backward()
    gradients = [psi.grad, *(p.grad for p in model.parameters())]
    assert all(g is not None and g.isfinite().all() for g in gradients)
    assert step.psi.isfinite().all()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({"update": "euler"}, "euler"), ({"gamma": -0.1}, "-0.1"), ({"gamma": float("nan")}, "nan")],
)
def test_wrong_arguments_are_refused_by_name(arguments, named):
    with pytest.raises(ValueError, match=named):
        Evolution(UNetUnitary(2, 8), **arguments)
