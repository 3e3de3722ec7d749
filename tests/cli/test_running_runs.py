"""The known memory of a run in progress, for the plan of the next run."""

import os
from dataclasses import replace

import pytest

from infra.stack.launch_record import Launch, write_launch
from infra.stack.state import STATE_FOLDER, StateFolder
from infra.stack.state_lock import state_lock
from infra.stack.trainer_memory import CUDA_RESIDENT, RunningRun
from qca.cli.running_runs import list_running_runs
from qca.core.units import GIB, MIB
from qca.runs.events import EpisodeRecord
from qca.runs.run_folder import RunFolder

EPISODE = EpisodeRecord(
    episode=1,
    loss=1,
    components={},
    energy=1,
    noise_rate=0,
    learning_rate=1e-4,
    gradient_norm=1,
    seconds=1,
    steps_per_second=1,
    memory_bytes=GIB,
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder, with the folder of the run `a`."""
    monkeypatch.chdir(tmp_path)
    run = RunFolder(tmp_path / "runs" / "a")
    run.checkpoints.mkdir(parents=True)
    return run


def launch(folder: RunFolder, device: str = "cpu") -> Launch:
    launched = Launch(
        runtime="local",
        project="qca",
        run="a",
        runs=str(folder.path.parent),
        device=device,
        predicted_peak_bytes=2 * GIB,
        context_bytes=GIB,
    )
    record(launched)
    return launched


def record(launched: Launch) -> None:
    state = StateFolder(STATE_FOLDER / "a")
    state.root.mkdir(parents=True, exist_ok=True)
    write_launch(state, launched)


def takes(device: str, pending: int) -> list[RunningRun]:
    return [RunningRun(run="a", device=device, planned_bytes=3 * GIB, pending_bytes=pending)]


def finish_episode(folder: RunFolder, reserved: int | None = None) -> None:
    episode = EPISODE.model_copy(update={"reserved_bytes": reserved})
    folder.metrics.write_text(episode.model_dump_json() + "\n")


def test_before_its_first_episode_all_its_memory_is_pending(folder):
    launch(folder)
    with folder.hold():
        assert list_running_runs("b") == takes("cpu", 3 * GIB)


@pytest.mark.parametrize(
    ("device", "reserved", "pending"),
    [
        pytest.param("cpu", None, 2 * GIB, id="tensors on a CPU come and go"),
        pytest.param("cuda", 2 * GIB - MIB, MIB, id="a CUDA allocator keeps what it reserved"),
        pytest.param("cuda", 5 * GIB, 0, id="more than was planned"),
    ],
)
def test_later_its_allocated_memory_is_not_counted_twice(folder, device, reserved, pending):
    launch(folder, device)
    finish_episode(folder, reserved)
    with folder.hold():
        assert list_running_runs("b") == takes(device, pending)


@pytest.mark.parametrize(
    ("done", "pending"),
    [
        pytest.param(False, 4 * GIB, id="before its first episode"),
        pytest.param(True, 4 * GIB - int(CUDA_RESIDENT), id="torch with CUDA is loaded"),
    ],
)
def test_a_run_on_a_gpu_has_its_gpu_and_its_host_memory(folder, done, pending):
    record(replace(launch(folder, "cuda"), gpus=("GPU-1",), host_bytes=4 * GIB))
    if done:
        finish_episode(folder, GIB)
    with folder.hold():
        [run] = list_running_runs("b")
    assert (run.gpus, run.host_bytes, run.host_pending_bytes) == (("GPU-1",), 4 * GIB, pending)


def test_an_episode_of_an_earlier_launch_does_not_count(folder):
    finish_episode(folder)
    os.utime(folder.metrics, (0, 0))
    launch(folder)
    with folder.hold():
        assert list_running_runs("b") == takes("cpu", 3 * GIB)


def test_a_run_whose_trainer_has_not_started_yet_counts(folder):
    launch(folder)
    with state_lock(StateFolder(STATE_FOLDER / "a")):
        assert list_running_runs("b") == takes("cpu", 3 * GIB)


def test_a_finished_run_and_the_planned_run_do_not_count(folder):
    launch(folder)
    assert list_running_runs("b") == []
    with folder.hold():
        assert list_running_runs("a") == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"volume": "qca_runs"}, id="on an engine elsewhere"),
        pytest.param({"context_bytes": None}, id="launched by an older version"),
    ],
)
def test_runs_elsewhere_and_unknown_runs_do_not_count(folder, change):
    record(replace(launch(folder), **change))
    with folder.hold():
        assert list_running_runs("b") == []


def test_a_run_that_does_not_fit_together_with_another_is_refused(trainable):
    folder = RunFolder(trainable.folder / "runs" / "a")
    launched = Launch(
        runtime="local",
        project="qca",
        run="a",
        runs=str(folder.path.parent),
        device="cpu",
        predicted_peak_bytes=2**60,
        context_bytes=GIB,
    )
    state = StateFolder(trainable.folder / STATE_FOLDER / "a")
    state.root.mkdir(parents=True)
    write_launch(state, launched)
    with folder.hold():
        done = trainable("up", "--runtime", "local", "--run", "b", check=1)
    assert "training does not fit while other runs train (a)" in done.stderr
    assert "run a uses " in done.stderr
    assert not (trainable.folder / STATE_FOLDER / "b").exists()
