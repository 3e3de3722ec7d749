"""The episode and its gradient are the same with every state store."""

import itertools
import math
import weakref

import pytest
import torch
from torch import Tensor

from qca.memory.retained_states import compute_interval, list_stored_states
from qca.model.initial_state import draw_initial_state
from qca.model.losses import LOSSES
from qca.model.noise import Noise
from qca.train.episode import adjoint_episode
from qca.train.state_store import TwoLevelStore, make_state_store
from tests.support.models import lively_evolution


def _gradient(recompute: str, steps: int, *, times: int = 1) -> Tensor:
    evolution = lively_evolution("unitary", 0.02)
    psi = draw_initial_state(0, range(2), d_state=4, grid=8)
    states = make_state_store(recompute, steps, psi)
    for _ in range(times):
        evolution.zero_grad()
        adjoint_episode(
            evolution,
            psi,
            steps=steps,
            loss=LOSSES["evolutionary"](3),
            noise=Noise(0, range(2), 0.3).draw_factor,
            states=states,
        )
    return torch.cat([p.grad.flatten() for p in evolution.parameters() if p.grad is not None])


@pytest.mark.parametrize(
    ("recompute", "steps"),
    list(itertools.product(["two-level", "host"], [1, 2, 3, 4, 5, 9, 10, 12])),
)
def test_the_gradient_is_the_same_to_the_last_bit(recompute, steps):
    assert torch.equal(_gradient(recompute, steps), _gradient("step", steps))


@pytest.mark.parametrize("recompute", ["step", "two-level", "host"])
def test_one_store_serves_all_episodes(recompute):
    assert torch.equal(_gradient(recompute, 7, times=3), _gradient(recompute, 7))


@pytest.mark.parametrize("recompute", ["step", "two-level", "host"])
@pytest.mark.parametrize("looks", [3, 9, 12])
def test_an_aborted_episode_does_not_affect_the_next(recompute, looks):
    evolution = lively_evolution("cartesian", 0.02)
    psi = draw_initial_state(0, range(1), d_state=4, grid=8)
    states = make_state_store(recompute, 7, psi)
    left = iter(range(looks))

    def give_up() -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    def gradient(on_step) -> Tensor:
        evolution.zero_grad()
        loss = LOSSES["structure"](2)
        adjoint_episode(evolution, psi, steps=7, loss=loss, on_step=on_step, states=states)
        return torch.cat([p.grad.flatten() for p in evolution.parameters() if p.grad is not None])

    expected = gradient(lambda: None)
    with pytest.raises(KeyboardInterrupt):
        gradient(give_up)
    assert torch.equal(gradient(lambda: None), expected)


@pytest.mark.parametrize("recompute", ["step", "two-level", "host"])
@pytest.mark.parametrize("steps", [1, 2, 4, 5, 10, 26])
def test_the_prediction_knows_which_states_a_store_keeps(recompute, steps):
    states = make_state_store(recompute, steps, torch.zeros(1))
    alive = weakref.WeakValueDictionary[int, Tensor]()
    for t in range(steps):
        states.save(t, alive.setdefault(t, torch.zeros(1)))
    assert set(alive) == set(list_stored_states(steps, recompute))


@pytest.mark.parametrize("steps", [1, 2, 10, 100, 101, 500])
def test_two_level_keeps_about_twice_the_root_and_repeats_nearly_each_step(steps):
    store, made, most = TwoLevelStore(steps), 0, 0

    def count() -> None:
        nonlocal most
        most = max(most, len(store._firsts) + len(store._segment))

    def run_forward(psi: Tensor, t: int) -> Tensor:
        nonlocal made
        made += 1
        return psi + 1

    for t in range(steps):
        store.save(t, torch.tensor(t))
        count()
    for t in reversed(range(steps)):
        assert store.pop(t, run_forward).item() == t
        count()
    assert most <= 2 * compute_interval(steps)
    assert made < steps
    assert compute_interval(steps) == math.ceil(math.sqrt(steps))
