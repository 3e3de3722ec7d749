"""The states that a complete run saves for pictures."""

import threading

import numpy as np
import pytest
import torch

from qca.model.evolution import Evolution
from qca.model.initial_state import draw_initial_state
from qca.runs.snapshots import Snapshots, read_snapshots
from qca.train import sample_rollout
from qca.train.request import TrainRequest
from qca.train.sample_rollout import choose_sample_steps, write_sample_rollout
from qca.train.session import run_session
from qca.train.weights import build_model
from tests.support.distributed_training import SECONDS, WHOLE, read_stderr, start
from tests.support.training import StopAfter, read_newest, small

STATES = "states.safetensors"


def train(folder, *, stop=None, resume=False, **changes) -> list[str]:
    """Train, and return the warnings."""
    warned: list[str] = []
    request = TrainRequest(small(**changes), folder, resume=resume)
    run_session(request, stop or threading.Event(), warn=warned.append)
    return warned


def states_of(folder) -> Snapshots | None:
    return read_snapshots(folder / STATES)


def test_a_complete_run_has_one_rollout_of_its_model(tmp_path):
    assert train(tmp_path) == []
    found, config = states_of(tmp_path), small()
    assert found is not None
    assert found.episode == config.episodes
    assert list(found.states) == [0, 1, 2, 3, 4]

    model = build_model(config)
    saved = read_newest(tmp_path).tensors
    model.load_state_dict({name: saved[f"model.{name}"] for name in model.state_dict()})
    step = Evolution(model, config.gamma, config.update)
    psi = draw_initial_state(config.seed, range(1), d_state=config.d_state, grid=config.grid)
    assert found.energies[0] == 1
    with torch.inference_mode():
        for number, state in found.states.items():
            assert np.array_equal(state, psi[0].numpy())
            after = step.advance(psi)
            psi = after.psi
            if number < 4:
                energy = after.squared_norm.mean().item()
                assert found.energies[number + 1] == pytest.approx(energy)


def test_a_stopped_run_has_none(tmp_path):
    train(tmp_path, stop=StopAfter(15))
    assert read_newest(tmp_path).episode < small().episodes
    assert states_of(tmp_path) is None


def test_an_already_complete_run_gets_them_once(tmp_path):
    train(tmp_path)
    file = tmp_path / STATES
    file.unlink()
    train(tmp_path, resume=True)
    made = file.stat()
    train(tmp_path, resume=True)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (made.st_ino, made.st_mtime_ns)


def test_a_longer_run_replaces_them(tmp_path):
    train(tmp_path)
    train(tmp_path, resume=True, episodes=8)
    found = states_of(tmp_path)
    assert found is not None
    assert found.episode == 8


def test_a_stop_aborts_it(tmp_path):
    train(tmp_path)
    (tmp_path / STATES).unlink()
    stop = threading.Event()
    stop.set()
    write_sample_rollout(small(), tmp_path, stop=stop)
    assert states_of(tmp_path) is None


def test_a_full_disk_is_reported_and_fails_nothing(tmp_path):
    (tmp_path / STATES).mkdir()
    [warning] = train(tmp_path)
    assert warning.startswith("no pictures of the state")
    assert read_newest(tmp_path).episode == small().episodes


def test_a_lack_of_memory_is_reported_and_fails_nothing(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("CUDA out of memory.\nTried to allocate 2 GiB")

    monkeypatch.setattr(sample_rollout, "write_sample_rollout", refuse)
    assert train(tmp_path) == ["no pictures of the state: CUDA out of memory."]


@pytest.mark.parametrize(
    ("steps", "state_bytes", "expected"),
    [
        (1, 2**10, [0, 1]),
        (5, 2**10, [0, 1, 2, 3, 4, 5]),
        (47, 2**10, list(range(48))),
        (94, 2**10, list(range(0, 95, 2))),
        (500, 2**30, [0, 71, 143, 214, 286, 357, 429, 500]),
        (90, 2**25 // 10, list(range(0, 91, 10))),
    ],
)
def test_the_samples_are_start_end_and_steps_between(steps, state_bytes, expected):
    assert choose_sample_steps(steps, state_bytes) == expected


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_on_a_gpu_it_needs_no_more_than_the_predicted_peak(tmp_path):
    """Run in a separate process, whose allocator is configured as in training."""
    folder = tmp_path / "runs"
    flags = {"device": "cuda", **WHOLE, "steps": 20}
    assert start(folder, episodes=2, **flags).wait(SECONDS) == 0, read_stderr(folder)
    assert states_of(folder / "first") is not None
    assert "pictures" not in read_stderr(folder)
