"""Tapes of captured graphs, with graphs that run their operations again on a CPU."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from qca.model import cuda_graphs
from qca.model.evolution import Evolution
from qca.train.episode import Episode, adjoint_episode
from qca.train.segment import Record
from qca.train.step_runner import EagerRunner, GraphRunner
from tests.support.episode_gradients import STEPS, differentiate, make_state, measure_error
from tests.support.models import lively_evolution


class FakeGraph:
    """Like a captured graph, it leaves its results where they were first."""

    def __init__(self, run: Callable[[], Any]) -> None:
        self._run = run
        self.results = run()

    def replay(self) -> Any:
        for target, source in zip(
            list_tensors(self.results), list_tensors(self._run()), strict=True
        ):
            target.copy_(source)
        return self.results


class FakePool:
    def capture(self, run: Callable[[], Any]) -> FakeGraph:
        return FakeGraph(run)


def list_tensors(results: Any) -> list[Tensor]:
    if isinstance(results, Tensor):
        return [results]
    parts = results.tensors if isinstance(results, Record) else results
    return [tensor for part in parts for tensor in list_tensors(part)]


@pytest.fixture(autouse=True)
def fake_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_graphs, "warm_up", lambda run: run())
    monkeypatch.setattr(cuda_graphs, "GraphPool", FakePool)


def make_episode(evolution: Evolution, segment: int, tapes: int) -> Episode:
    for parameter in evolution.parameters():
        parameter.grad = torch.zeros_like(parameter)
    runner = GraphRunner(evolution, make_state(), segment, tapes=-(-tapes // segment))
    evolution.zero_grad(set_to_none=False)  # of the warm-up
    runner.refresh()
    return partial(adjoint_episode, runner=runner, tapes=tapes)


@pytest.mark.parametrize(("segment", "tapes"), [(1, 3), (1, 11), (4, 4), (4, 8), (4, 11)])
@pytest.mark.parametrize("loss", ["evolutionary", "mse_energy"])
def test_gradients_are_those_of_recomputed_steps(segment: int, tapes: int, loss: str) -> None:
    evolution = lively_evolution("cartesian", 0.02)
    exact = partial(adjoint_episode, runner=EagerRunner(evolution, segment))
    expected = differentiate(exact, evolution, loss=loss)

    found = differentiate(make_episode(evolution, segment, tapes), evolution, loss=loss)

    assert measure_error(found, expected) <= 1e-5


def test_a_second_episode_does_not_see_the_first_ones_tapes() -> None:
    evolution = lively_evolution("cartesian", 0.02)
    episode = make_episode(evolution, 4, STEPS)

    first, second = (differentiate(episode, evolution) for _ in range(2))

    assert torch.equal(first, second)
