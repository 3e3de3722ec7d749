"""Segments of several steps: the gradients are plain autograd's to rounding."""

import threading
from functools import partial
from pathlib import Path

import pytest
import torch

from qca.model.evolution import Evolution
from qca.model.losses import LOSSES
from qca.train import segment as segment_module
from qca.train.episode import Episode, adjoint_episode, plain_episode
from qca.train.precision import HALF, HalfModel
from qca.train.segment import SegmentAdjoint, make_adjoint
from qca.train.state_store import make_state_store
from qca.train.step_runner import EagerRunner
from tests.support.episode_gradients import (
    STEPS,
    differentiate,
    make_state,
    measure_error,
)
from tests.support.models import lively_evolution, lively_model
from tests.support.training import read_learned, read_newest, run, small


def make_episode(
    evolution: Evolution, segment: int, recompute: str = "step", tapes: int = 0
) -> Episode:
    states = make_state_store(recompute, STEPS - tapes, make_state())
    runner = EagerRunner(evolution, segment)
    return partial(adjoint_episode, states=states, runner=runner, tapes=tapes)


def test_single_steps_use_the_adjoint_only_with_the_kernels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    evolution = lively_evolution("unitary", 0.0)
    assert make_adjoint(evolution, 1) is None
    assert isinstance(make_adjoint(evolution, 2), SegmentAdjoint)
    monkeypatch.setattr(segment_module, "find_kernels", lambda _: object())
    assert isinstance(make_adjoint(evolution, 1), SegmentAdjoint)


@pytest.mark.parametrize("segment", [2, 4, 11, 16])
@pytest.mark.parametrize("recompute", ["step", "two-level", "host"])
def test_gradients_equal_plain_autograds_with_every_state_store(
    recompute: str, segment: int
) -> None:
    evolution = lively_evolution("cartesian", 0.02)
    expected = differentiate(plain_episode, evolution)
    found = differentiate(make_episode(evolution, segment, recompute), evolution)
    assert expected.norm() > 1e-2
    assert measure_error(found, expected) <= 1e-5


@pytest.mark.parametrize("recompute", ["step", "two-level", "host"])
@pytest.mark.parametrize("tapes", [1, 4, STEPS])
def test_a_tape_of_single_steps_changes_no_bit(tapes: int, recompute: str) -> None:
    evolution = lively_evolution("cartesian", 0.02)
    expected = differentiate(make_episode(evolution, 1), evolution)
    found = differentiate(make_episode(evolution, 1, recompute, tapes), evolution)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("recompute", ["step", "two-level", "host"])
@pytest.mark.parametrize("tapes", [4, 8, STEPS])
def test_a_tape_of_segments_changes_only_the_rounding(tapes: int, recompute: str) -> None:
    evolution = lively_evolution("unitary", 0.02)
    expected = differentiate(plain_episode, evolution)
    found = differentiate(make_episode(evolution, 4, recompute, tapes), evolution)
    assert measure_error(found, expected) <= 1e-5


@pytest.mark.parametrize("dtype", HALF.values(), ids=HALF.keys())
def test_a_tape_of_16_bits_adds_its_gradients_in_float32(dtype) -> None:
    model = lively_model()
    half = Evolution(HalfModel(model, dtype), 0.02)
    expected = differentiate(make_episode(half, 1), half, learned=model)
    found = differentiate(make_episode(half, 1, tapes=STEPS), half, learned=model)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("rate", [0.0, 0.3])
@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize(
    ("update", "gamma"),
    [("cartesian", 0.0), ("cartesian", 0.05), ("unitary", 0.0), ("unitary", 0.05)],
)
def test_gradients_are_equal_for_every_update_loss_and_noise(
    update, gamma: float, loss: str, rate: float
) -> None:
    evolution = lively_evolution(update, gamma)
    expected = differentiate(plain_episode, evolution, loss=loss, rate=rate)
    found = differentiate(make_episode(evolution, 4), evolution, loss=loss, rate=rate)
    assert measure_error(found, expected) <= 1e-5 or expected.norm() < 1e-4


@pytest.mark.parametrize("dtype", HALF.values(), ids=HALF.keys())
def test_in_16_bits_it_is_as_close_to_float32_as_single_steps(dtype) -> None:
    model = lively_model()
    exact = differentiate(plain_episode, Evolution(model, 0.02))
    half = Evolution(HalfModel(model, dtype), 0.02)

    def measure_drift(segment: int) -> float:
        found = differentiate(make_episode(half, segment), half, learned=model)
        return measure_error(found, exact)

    assert measure_drift(4) <= 1.5 * measure_drift(1)


def test_the_stop_is_checked_between_any_two_steps() -> None:
    evolution = lively_evolution("cartesian")
    calls: list[None] = []
    differentiate(
        partial(make_episode(evolution, 4), on_step=lambda: calls.append(None)), evolution
    )
    assert len(calls) == 2 * STEPS


def test_a_run_in_segments_resumes_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    config = small(steps=8, segment=3, batch_size=2)
    run(config, tmp_path / "whole")
    stop = threading.Event()
    run(config.override(episodes=3), tmp_path / "stopped", stop=stop)
    run(config, tmp_path / "stopped", resume=True)
    assert read_learned(tmp_path / "whole") == read_learned(tmp_path / "stopped")
    one, other = read_newest(tmp_path / "whole"), read_newest(tmp_path / "stopped")
    assert all(torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors)
