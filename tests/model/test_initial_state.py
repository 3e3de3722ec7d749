import pytest
import torch

from qca.model.initial_state import draw_initial_state


def draw(seed: int, samples: list[int]) -> torch.Tensor:
    return draw_initial_state(seed, samples, d_state=3, grid=8)


def test_cells_are_normalized_complex_normal():
    psi = draw_initial_state(0, range(4), d_state=2, grid=32)
    assert psi.dtype == torch.complex64
    torch.testing.assert_close(torch.linalg.vector_norm(psi, dim=1), torch.ones(4, 32, 32))
    # A uniformly random direction: |psi_0|^2 is uniform on [0, 1] for two components.
    share = psi[:, 0].abs().square().flatten().sort().values
    assert (share - torch.linspace(0, 1, share.numel())).abs().max() < 0.04
    assert psi.real.mean().abs() < 0.02


def test_a_sample_is_the_same_in_every_batch():
    together = draw(7, [3, 4, 5])
    assert torch.equal(together[1:2], draw(7, [4]))


@pytest.mark.parametrize("other", [draw(7, [5]), draw(8, [4])])
def test_other_samples_and_other_runs_differ(other):
    assert not torch.equal(draw(7, [4]), other)
