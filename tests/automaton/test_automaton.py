"""A trained automaton can be loaded from any saved form, and runs as in training."""

import numpy as np
import pytest
import torch

from qca.automaton import memory
from qca.automaton.automaton import Automaton
from qca.core.errors import CheckpointError, InputError, PlanError
from qca.model.initial_state import draw_initial_state
from qca.model.noise import Noise
from tests.support.automata import lively_automaton, write_trained_run
from tests.support.run_folders import complete_run
from tests.support.training import StopAfter


@pytest.fixture(scope="module")
def automaton(tmp_path_factory) -> Automaton:
    return lively_automaton(tmp_path_factory.mktemp("runs") / "first", update="unitary", gamma=0.01)


def test_its_steps_are_those_of_the_trained_evolution(automaton):
    psi = draw_initial_state(0, range(1), d_state=3, grid=8)
    states = list(automaton.rollout(4))
    assert [state.step for state in states] == [0, 1, 2, 3, 4]
    for state in states:
        assert np.array_equal(state.psi, psi[0].numpy())
        assert state.psi.dtype == np.complex64
        assert state.squared_norm == pytest.approx((np.abs(state.psi) ** 2).sum(axis=0), abs=1e-6)
        with torch.no_grad():
            psi = automaton.evolution(psi)
    assert np.abs(states[-1].psi - states[0].psi).max() > 0.01


def test_the_energy_of_a_cartesian_step_is_measured_before_renormalization(tmp_path):
    automaton = lively_automaton(tmp_path / "euler", update="cartesian", gamma=0.2)
    *_, last = automaton.rollout(1)
    assert last.squared_norm.mean() < 0.8
    assert np.linalg.norm(last.psi, axis=0) == pytest.approx(1, abs=1e-5)


def test_each_kth_state_is_yielded_and_the_last(automaton):
    all_states = list(automaton.rollout(7))
    few = list(automaton.rollout(7, every=3))
    assert [state.step for state in few] == [0, 3, 6, 7]
    assert all(np.array_equal(state.psi, all_states[state.step].psi) for state in few)


def test_it_ends_after_the_current_step_if_stopped(automaton):
    states = list(automaton.rollout(100, every=10, stop=StopAfter(4)))
    assert [state.step for state in states] == [0, 5]


def test_the_seed_draws_the_start_and_the_noise(automaton):
    ends = [
        list(automaton.rollout(2, seed=seed, noise=noise))[-1].psi
        for seed, noise in ((0, 0), (1, 0), (1, 0.5), (1, 0.5))
    ]
    assert not np.allclose(ends[0], ends[1])
    assert not np.allclose(ends[1], ends[2])
    assert np.array_equal(ends[2], ends[3])


def test_the_noise_is_that_of_training(automaton):
    start = automaton.make_start("random", seed=3)
    psi = torch.from_numpy(start).unsqueeze(0)
    factor = Noise(3, range(1), 0.5).draw_factor(psi, 0)
    assert factor is not None
    with torch.no_grad():
        expected = automaton.evolution(psi * factor)[0].numpy()
    assert np.array_equal(list(automaton.rollout(1, seed=3, noise=0.5))[1].psi, expected)


def test_it_runs_on_a_larger_grid(automaton):
    assert [state.psi.shape for state in automaton.rollout(1, grid=24)] == 2 * [(3, 24, 24)]


def test_the_untrained_automaton_hardly_changes(automaton):
    start, end = automaton.make_untrained().rollout(1)
    assert 0 < np.abs(end.psi - start.psi).max() < 0.02


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": -1}, "steps is -1"),
        ({"steps": 1, "every": 0}, "every is 0"),
        ({"steps": 1, "noise": 1.5}, "noise is 1.5"),
        ({"steps": 1, "grid": 30}, "invalid grid 30"),
        ({"steps": 1, "grid": 8192}, "from 4 to 4096"),
    ],
)
def test_invalid_arguments_are_refused_before_the_first_step(automaton, arguments, message):
    with pytest.raises(InputError, match=message):
        automaton.rollout(**arguments)


def test_a_grid_that_does_not_fit_the_memory_is_refused(automaton, monkeypatch):
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: type("", (), {"available": 10**6}))
    with pytest.raises(PlanError, match=r"1024x1024 cells need .* of memory on the cpu"):
        automaton.rollout(1, grid=1024)


def test_a_checkpoint_is_loaded_as_the_run_at_its_episode(tmp_path):
    folder = write_trained_run(tmp_path / "first", episode=4)
    [checkpoint] = (folder / "checkpoints").iterdir()
    from_file, from_run = (Automaton.load(what, device="cpu") for what in (checkpoint, folder))
    assert (from_file.name, from_file.episode, from_file.folder) == ("first", 4, None)
    assert from_run.folder == folder
    first, second = (list(one.rollout(2))[-1].psi for one in (from_file, from_run))
    assert np.array_equal(first, second)


def test_a_run_is_found_by_its_name(tmp_path):
    write_trained_run(tmp_path / "first")
    assert Automaton.load("first", runs=tmp_path, device="cpu").name == "first"


def test_a_run_without_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="run first has no checkpoint yet"):
        Automaton.load(complete_run(tmp_path / "first"), device="cpu")


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path):
    folder = write_trained_run(tmp_path / "first")
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"d_state": 3', '"d_state": 4'))
    with pytest.raises(CheckpointError, match="another architecture: inc"):
        Automaton.load(folder, device="cpu")


def test_an_older_checkpoint_replaces_a_truncated_one(tmp_path):
    folder = write_trained_run(tmp_path / "first", episode=4)
    write_trained_run(folder, episode=6)
    newest = folder / "checkpoints" / "episode-00000006.safetensors"
    newest.write_bytes(newest.read_bytes()[:1000])
    automaton = Automaton.load(folder, device="cpu")
    assert automaton.episode == 4
    assert "episode-00000006" in automaton.damaged[0]
    with pytest.raises(InputError, match="cannot read weights"):
        Automaton.load(newest, device="cpu")


def test_a_file_without_a_description_of_its_automaton_is_refused(tmp_path):
    folder = complete_run(tmp_path / "first")
    with pytest.raises(InputError, match="neither a checkpoint nor an exported automaton"):
        Automaton.load(folder / "states.safetensors", device="cpu")
