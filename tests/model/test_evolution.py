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


def test_calling_it_gives_the_state_of_advance():
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


def test_cartesian_is_an_euler_step_with_loss_and_then_normalised():
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
def test_a_damped_cell_is_rotated_as_its_direction_and_keeps_its_norm(norm: float):
    draw = np.random.default_rng(1)
    psi, h = _complex(draw, 4), _complex(draw, 4)
    psi /= np.linalg.norm(psi)
    turned = rotate_any_norm(_cell(norm * psi), _cell(h))
    torch.testing.assert_close(turned, norm * rotate(_cell(psi), _cell(h)))


@pytest.mark.parametrize("std", [1e-5, 0.05, 1.0])
def test_unitary_keeps_every_norm_for_500_steps_without_renormalising(std: float):
    evolution = Evolution(lively_model(3, 8, std), 0.0, "unitary")
    psi = draw_initial_state(0, [0], d_state=3, grid=8)
    with torch.no_grad():
        for _ in range(500):
            psi = evolution(psi)
    assert (compute_squared_norm(psi).sqrt() - 1).abs().max() < 2e-6


def test_cartesian_reads_the_weight_before_it_normalises():
    psi = draw_initial_state(0, [0], d_state=4, grid=8)
    step = lively_evolution("cartesian", 0.1).advance(psi)
    assert (step.squared_norm - 1).abs().min() > 1e-3
    torch.testing.assert_close(compute_squared_norm(step.psi), torch.ones(1, 1, 8, 8))


def test_damping_spares_the_ground_level_and_reports_what_is_left():
    psi = _cell(np.array([0.6, 0.0, 0.8j]))
    step = damp(psi, 0.25)
    torch.testing.assert_close(
        step.psi.flatten(), torch.tensor([0.6, 0, 0.75**0.5 * 0.8j]).to(torch.complex128)
    )
    assert step.squared_norm.item() == pytest.approx(1 - 0.25 * 0.64)


def test_damping_is_not_normalised_away():
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


@pytest.mark.parametrize("step", [rotate, lambda psi, h: step_cartesian(psi, h, 0.1)])
def test_gradients_are_those_of_finite_differences(step):
    psi = draw_initial_state(0, [0], d_state=3, grid=4).to(torch.complex128).requires_grad_()
    h = torch.randn(1, 3, 4, 4, dtype=torch.complex128, generator=torch.manual_seed(0))
    assert torch.autograd.gradcheck(step, (psi, (0.3 * h).requires_grad_()))


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("gamma", [0.0, 0.01, 1.0])
def test_nothing_divides_by_zero_where_the_field_or_a_cell_vanishes(update, gamma):
    model = UNetUnitary(2, 8)
    torch.nn.init.zeros_(model.outc.weight)
    psi = draw_initial_state(0, [0], d_state=2, grid=4)
    psi[..., 0, 0] = torch.tensor([0, 1])  # all of it damped away at gamma 1
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
def test_wrong_arguments_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        Evolution(UNetUnitary(2, 8), **arguments)
