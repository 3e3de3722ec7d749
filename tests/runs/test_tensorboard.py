"""The event files, read back with TensorBoard's own reader."""

import subprocess
import sys
import time
from io import FileIO
from pathlib import Path

import pytest

# TensorBoard's reader, set as in TensorBoard itself: it drops what a restart voids.
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from qca.runs.events import CheckpointWritten, Finished
from qca.runs.tensorboard import Writer, collect_scalars, open_tensorboard, open_writer
from tests.support.run_folders import make_started, record
from tests.support.training import run, small


def curve(folder: Path, tag: str = "loss/total") -> list[tuple[int, float]]:
    found = EventAccumulator(str(folder)).Reload()
    return [(event.step, event.value) for event in found.Scalars(tag)]


def session(folder: Path, first: int, *episodes: int) -> None:
    writer = open_writer(folder, first)
    for episode in episodes:
        writer.write_episode(record(episode))
    writer.close()


def test_every_scalar_of_an_episode_is_written(tmp_path):
    one = record(1, reserved_bytes=2**30)
    writer = open_writer(tmp_path, 1)
    writer.write_episode(one)
    writer.close()
    found = EventAccumulator(str(tmp_path)).Reload()
    assert set(found.Tags()["scalars"]) == set(collect_scalars(one))
    for tag, value in collect_scalars(one).items():
        assert found.Scalars(tag)[0].value == pytest.approx(value, rel=1e-6)


def test_a_continued_run_has_each_episode_once(tmp_path):
    session(tmp_path, 1, 1, 2, 3, 4)
    session(tmp_path, 3, 3, 4, 5)
    session(tmp_path, 6, 6)
    assert [step for step, _ in curve(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_a_killed_session_loses_no_earlier_one(tmp_path):
    session(tmp_path, 1, 1, 2, 3)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-7])
    session(tmp_path, 3, 3, 4)
    assert [step for step, _ in curve(tmp_path)] == [1, 2, 3, 4]


def test_twelve_sessions_within_a_second_stay_in_order(tmp_path):
    for episode in range(1, 13):
        session(tmp_path, episode, episode, episode + 1)
    assert [step for step, _ in curve(tmp_path)] == list(range(1, 14))


def test_the_event_file_of_a_real_run_equals_its_metrics(tmp_path):
    with open_tensorboard(tmp_path / "board", warn=pytest.fail) as listen:
        events = run(small(), tmp_path / "run")
        for event in events:
            listen(event)
    losses = [(e.episode, e.loss) for e in events if e.event == "episode"]
    assert curve(tmp_path / "board") == [(n, pytest.approx(loss)) for n, loss in losses]


def test_a_reader_sees_an_episode_as_soon_as_it_ends(tmp_path):
    with open_tensorboard(tmp_path, warn=pytest.fail) as listen:
        listen(make_started())
        listen(record(1))
        assert curve(tmp_path) == [(1, pytest.approx(4.0))]
        listen(CheckpointWritten(episode=1, path="x"))
        listen(Finished(reason="complete", episodes=1))


def test_a_folder_that_cannot_be_created_is_reported_and_stops_nothing(tmp_path):
    (tmp_path / "board").touch()
    warnings: list[str] = []
    writer = open_writer(tmp_path / "board", 1, warn=warnings.append)
    writer.write_episode(record(1))
    writer.close()
    assert len(warnings) == 1
    assert "no TensorBoard files are written" in warnings[0]


def test_a_disk_that_fills_up_is_reported_once_and_stops_nothing():
    """`/dev/full` can be opened, but refuses every write."""
    warnings: list[str] = []
    writer = Writer(FileIO("/dev/full", "w"), warnings.append)
    for episode in (1, 2, 3):
        writer.write_episode(record(episode))
    writer.close()
    assert warnings == ["no more TensorBoard files are written: No space left on device"]


def test_a_clock_that_was_set_back_does_not_change_the_order(tmp_path, monkeypatch):
    session(tmp_path, 1, 1, 2)
    monkeypatch.setattr(time, "time", lambda: 1e9)
    session(tmp_path, 2, 2, 3)
    assert [step for step, _ in curve(tmp_path)] == [1, 2, 3]


def test_a_missing_library_is_reported_and_training_continues(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    warnings: list[str] = []
    writer = open_writer(tmp_path / "board", 1, warn=warnings.append)
    writer.write_episode(record(1))
    writer.close()
    assert len(warnings) == 1
    assert not (tmp_path / "board").exists()


def test_the_module_loads_neither_torch_nor_the_library():
    probe = (
        "import sys, qca.runs.tensorboard\n"
        "assert not {'torch', 'tensorboardX', 'google.protobuf'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", probe], check=True)
