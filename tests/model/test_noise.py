import numpy as np
import pytest
import torch

from qca.model.initial_state import draw_initial_state
from qca.model.noise import Noise


def draw_states(samples: list[int]) -> torch.Tensor:
    return draw_initial_state(0, samples, d_state=3, grid=8)


def disturb(noise: Noise, psi: torch.Tensor, step: int) -> torch.Tensor:
    """Return psi before step `step`."""
    factor = noise.draw_factor(psi, step)
    return psi if factor is None else psi * factor


def test_below_a_rate_of_a_thousandth_nothing_happens():
    psi = draw_states([0])
    assert disturb(Noise(0, [0], 0.0009), psi, 0) is psi
    assert disturb(Noise(0, [0], 0.001), psi, 0) is not psi


def test_a_recomputed_step_has_the_same_noise_in_every_batch():
    psi = draw_states([0, 1, 2])
    noisy = disturb(Noise(5, [0, 1, 2], 0.5), psi, 17)
    assert torch.equal(noisy, disturb(Noise(5, [0, 1, 2], 0.5), psi, 17))
    assert torch.equal(noisy[1:2], disturb(Noise(5, [1], 0.5), psi[1:2], 17))


@pytest.mark.parametrize("other", [Noise(6, [0], 0.5), Noise(5, [1], 0.5)])
def test_noise_differs_between_runs_and_samples(other):
    psi = draw_states([0])
    assert not torch.equal(disturb(Noise(5, [0], 0.5), psi, 3), disturb(other, psi, 3))


def test_noise_differs_between_steps():
    psi = draw_states([0])
    assert not torch.equal(disturb(Noise(5, [0], 0.5), psi, 3), disturb(Noise(5, [0], 0.5), psi, 4))


def test_noise_keeps_every_norm():
    psi = draw_initial_state(0, [0], d_state=3, grid=32)
    noisy = disturb(Noise(0, [0], 1.0), psi, 0)
    torch.testing.assert_close(noisy.abs(), psi.abs())


def test_the_rate_is_the_probability_of_a_phase_flip_per_cell():
    noise, unit = Noise(0, [0], 0.3), torch.ones(1, 2, 64, 64).to(torch.complex64)
    factors = torch.cat([disturb(noise, unit, t) for t in range(20)])
    hit = (factors[:, 0].imag != 0).float().mean().item()
    assert hit == pytest.approx(0.3, abs=0.01)
    both = factors[factors[:, 0].imag.unsqueeze(1).expand_as(factors) != 0].reshape(-1)
    assert both.mean().abs() < 0.02  # phases around the whole circle
    assert (factors[:, 0] != factors[:, 1]).float().mean().item() == pytest.approx(0.3, abs=0.01)


def test_a_fifth_of_the_steps_flips_a_tenth_of_the_rate(monkeypatch):
    """Select the flips of the sign, without the random phases."""
    monkeypatch.setattr(np, "exp", np.ones_like)
    noise, unit = Noise(0, [0], 1.0), torch.ones(1, 1, 64, 64).to(torch.complex64)
    flips = [(disturb(noise, unit, t).real < 0).float().mean().item() for t in range(300)]
    flipping = [share for share in flips if share > 0]
    assert len(flipping) / 300 == pytest.approx(0.2, abs=0.07)
    assert np.mean(flipping) == pytest.approx(0.1, abs=0.01)
