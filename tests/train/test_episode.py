"""The adjoint episode equals plain autograd bit for bit, in the memory of one step."""

import gc
import itertools

import pytest
import torch

from qca.model.evolution import Evolution
from qca.model.initial_state import draw_initial_state
from qca.model.losses import LOSSES, Evolutionary
from qca.model.noise import Noise
from qca.train.episode import Episode, Outcome, adjoint_episode, plain_episode
from tests.support.live_bytes import LiveBytes
from tests.support.models import lively_evolution

# Smaller gradients could be rounding noise.
NORM_FLOOR = 1e-2


def _run(
    episode: Episode,
    evolution: Evolution,
    *,
    loss: str = "evolutionary",
    sample_steps: int = 1,
    rate: float = 0.0,
    steps: int = 8,
    grid: int = 8,
    batch: int = 1,
) -> tuple[Outcome, dict[str, torch.Tensor]]:
    psi = draw_initial_state(0, range(batch), d_state=4, grid=grid)
    evolution.zero_grad()
    outcome = episode(
        evolution,
        psi,
        steps=steps,
        loss=LOSSES[loss](sample_steps),
        noise=Noise(0, range(batch), rate).draw_factor,
    )
    return outcome, {
        name: p.grad.clone() for name, p in evolution.named_parameters() if p.grad is not None
    }


def _assert_same(evolution: Evolution, **how) -> None:
    plain, expected = _run(plain_episode, evolution, **how)
    adjoint, found = _run(adjoint_episode, evolution, **how)
    assert torch.stack([g.norm() for g in expected.values()]).norm() > NORM_FLOOR
    assert found.keys() == expected.keys() == dict(evolution.named_parameters()).keys()
    different = [name for name in found if not torch.equal(found[name], expected[name])]
    assert different == []
    assert torch.equal(plain.loss, adjoint.loss)
    assert plain.terms == adjoint.terms
    assert torch.equal(plain.energy, adjoint.energy)


def _teaches(loss: str, update: str, gamma: float) -> bool:
    return not (loss == "mse_energy" and update == "unitary" and gamma == 0)


@pytest.mark.parametrize(
    ("loss", "update", "gamma", "rate", "sample_steps"),
    [
        case
        for case in itertools.product(
            LOSSES, ("cartesian", "unitary"), (0.0, 0.02), (0.0, 0.3), (1, 5)
        )
        if _teaches(*case[:3])
    ],
)
def test_gradients_equal_plain_autograds_to_the_last_bit(loss, update, gamma, rate, sample_steps):
    """This holds for several sample steps too, since a step reads its state in one place."""
    evolution = lively_evolution(update, gamma)
    _assert_same(evolution, loss=loss, sample_steps=sample_steps, rate=rate)


@pytest.mark.parametrize("update", ["cartesian", "unitary"])
@pytest.mark.parametrize(
    "how",
    [
        {"grid": 4},
        {"grid": 16},
        {"batch": 3},
        {"batch": 2, "grid": 12, "rate": 0.2},
        {"steps": 1},
        {"steps": 40},
    ],
    ids=str,
)
def test_gradients_equal_plain_autograds_for_any_sizes(update, how):
    _assert_same(lively_evolution(update, 0.02), sample_steps=3, **how)


def test_gradients_are_added_to_existing_ones():
    evolution = lively_evolution("cartesian", 0.02)
    _, once = _run(adjoint_episode, evolution)
    psi = draw_initial_state(0, [0], d_state=4, grid=8)
    adjoint_episode(evolution, psi, steps=8, loss=Evolutionary(1))
    for name, parameter in evolution.named_parameters():
        torch.testing.assert_close(parameter.grad, 2 * once[name])


@pytest.mark.parametrize("episode", [plain_episode, adjoint_episode])
def test_the_initial_state_is_not_changed(episode):
    psi = draw_initial_state(0, [0], d_state=4, grid=8)
    before = psi.clone()
    episode(lively_evolution("cartesian"), psi, steps=3, loss=Evolutionary())
    assert torch.equal(psi, before)
    assert psi.grad is None
    assert not psi.requires_grad


class _GiveUp(Exception):  # noqa: N818
    pass


@pytest.mark.parametrize("episode", [plain_episode, adjoint_episode])
def test_it_can_be_aborted_between_any_two_steps(episode):
    evolution = lively_evolution("cartesian")
    psi = draw_initial_state(0, [0], d_state=4, grid=8)
    calls = 0

    def count_step() -> None:
        nonlocal calls
        calls += 1
        if calls == limit:
            raise _GiveUp

    limit = 0
    episode(evolution, psi, steps=5, loss=Evolutionary(), on_step=count_step)
    assert calls == 10
    for stop_at in range(1, 11):
        calls, limit = 0, stop_at
        with pytest.raises(_GiveUp):
            episode(evolution, psi, steps=5, loss=Evolutionary(), on_step=count_step)


class _SavedBytes:
    """Counts the current and peak bytes that autograd saves for its backward pass."""

    def __init__(self) -> None:
        self.live = self.peak = 0

    def pack(self, tensor: torch.Tensor) -> "_SavedTensor":
        return _SavedTensor(self, tensor)

    @staticmethod
    def unpack(saved_tensor: "_SavedTensor") -> torch.Tensor:
        return saved_tensor.tensor


class _SavedTensor:
    def __init__(self, saved: _SavedBytes, tensor: torch.Tensor) -> None:
        self.tensor = tensor
        self.saved = saved
        saved.live += tensor.nbytes
        saved.peak = max(saved.peak, saved.live)

    def __del__(self) -> None:
        self.saved.live -= self.tensor.nbytes


def _peak_saved(episode: Episode, steps: int) -> int:
    saved = _SavedBytes()
    with torch.autograd.graph.saved_tensors_hooks(saved.pack, saved.unpack):
        _run(episode, lively_evolution("cartesian", 0.02), steps=steps, rate=0.2)
    return saved.peak


def test_only_one_steps_graph_is_alive_in_an_episode_of_any_length():
    one_step = _peak_saved(plain_episode, 1)
    assert _peak_saved(adjoint_episode, 3) == _peak_saved(adjoint_episode, 12) <= 1.01 * one_step
    assert _peak_saved(plain_episode, 12) > 11 * one_step  # the counter counts a whole graph


def _peak_live(steps: int) -> int:
    gc.collect()
    evolution = lively_evolution("cartesian", 0.02)
    _run(adjoint_episode, evolution, steps=1)  # from here on the gradients exist
    psi = draw_initial_state(0, [0], d_state=4, grid=8)
    with LiveBytes() as live:
        adjoint_episode(evolution, psi, steps=steps, loss=Evolutionary(1))
    return live.peak


def test_a_longer_episode_adds_only_its_states():
    state = 8 * 4 * 8 * 8  # complex64, d_state 4, grid 8x8
    assert _peak_live(30) - _peak_live(10) == 20 * state
