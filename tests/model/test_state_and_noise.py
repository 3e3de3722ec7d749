import numpy as np
import pytest
import torch

from qca.model import noise as noise_module
from qca.model.noise import Noise, noise_rate
from qca.model.seeds import Purpose, stream
from qca.model.state import initial_state


def _states(seed: int, samples: list[int]) -> torch.Tensor:
    return initial_state(seed, samples, d_state=3, grid=8)


def test_cells_are_normalised_complex_normal():
    psi = initial_state(0, range(4), d_state=2, grid=32)
    assert psi.dtype == torch.complex64
    torch.testing.assert_close(torch.linalg.vector_norm(psi, dim=1), torch.ones(4, 32, 32))
    # A direction drawn evenly: |psi_0|^2 is uniform on [0, 1] for two components.
    share = psi[:, 0].abs().square().flatten().sort().values
    assert (share - torch.linspace(0, 1, share.numel())).abs().max() < 0.04
    assert psi.real.mean().abs() < 0.02


def test_a_sample_is_the_same_in_every_batch():
    together = _states(7, [3, 4, 5])
    assert torch.equal(together[1:2], _states(7, [4]))


@pytest.mark.parametrize("other", [_states(7, [5]), _states(8, [4])])
def test_other_samples_and_other_runs_differ(other):
    assert not torch.equal(_states(7, [4]), other)


def test_streams_are_named_by_all_their_counters():
    names = [
        (1, Purpose.STATE, 2),
        (1, Purpose.NOISE, 2),
        (1, Purpose.NOISE, 2, 0),
        (1, Purpose.NOISE, 0, 2),
        (2, Purpose.STATE, 2),
        (1 + 2**32, Purpose.STATE, 2),
        (2**63 - 1, Purpose.STATE, 2),
    ]
    assert len({stream(*name).integers(2**63) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("done", "rate"), [(0, 0.0), (1, 0.2 / 2000), (1000, 0.1), (2000, 0.2), (9999, 0.2)]
)
def test_the_rate_grows_over_2000_episodes(done: int, rate: float):
    assert noise_rate(0.2, done) == pytest.approx(rate)


def test_below_a_rate_of_a_thousandth_nothing_happens():
    psi = _states(0, [0])
    assert Noise(0, [0], 0.0009)(psi, 0) is psi
    assert Noise(0, [0], 0.001)(psi, 0) is not psi


def test_a_step_asked_again_meets_the_same_noise_in_every_batch():
    psi = _states(0, [0, 1, 2])
    noisy = Noise(5, [0, 1, 2], 0.5)(psi, 17)
    assert torch.equal(noisy, Noise(5, [0, 1, 2], 0.5)(psi, 17))
    assert torch.equal(noisy[1:2], Noise(5, [1], 0.5)(psi[1:2], 17))


@pytest.mark.parametrize("other", [Noise(6, [0], 0.5), Noise(5, [1], 0.5)])
def test_noise_differs_between_runs_and_samples(other):
    psi = _states(0, [0])
    assert not torch.equal(Noise(5, [0], 0.5)(psi, 3), other(psi, 3))


def test_noise_differs_between_steps():
    psi = _states(0, [0])
    assert not torch.equal(Noise(5, [0], 0.5)(psi, 3), Noise(5, [0], 0.5)(psi, 4))


def test_norms_stay():
    psi = initial_state(0, [0], d_state=3, grid=32)
    noisy = Noise(0, [0], 1.0)(psi, 0)
    torch.testing.assert_close(noisy.abs(), psi.abs())


def test_a_cell_is_hit_with_the_rates_probability_and_each_component_by_itself():
    factors = torch.cat(
        [Noise(0, [0], 0.3)(torch.ones(1, 2, 64, 64).to(torch.complex64), t) for t in range(20)]
    )
    hit = (factors[:, 0].imag != 0).float().mean().item()
    assert hit == pytest.approx(0.3, abs=0.01)
    both = factors[factors[:, 0].imag.unsqueeze(1).expand_as(factors) != 0].reshape(-1)
    assert both.mean().abs() < 0.02  # phases all round the circle
    assert (factors[:, 0] != factors[:, 1]).float().mean().item() == pytest.approx(0.3, abs=0.01)


def test_a_fifth_of_the_steps_flips_a_tenth_of_the_rate(monkeypatch):
    """Without phases: the signs alone."""
    monkeypatch.setattr(np, "exp", np.ones_like)
    noise = Noise(0, [0], 1.0)
    flips = [
        (noise(torch.ones(1, 1, 64, 64).to(torch.complex64), t).real < 0).float().mean().item()
        for t in range(300)
    ]
    flipping = [share for share in flips if share > 0]
    assert len(flipping) / 300 == pytest.approx(0.2, abs=0.07)
    assert np.mean(flipping) == pytest.approx(0.1, abs=0.01)
    assert noise_module.CURRICULUM_EPISODES == 2000
