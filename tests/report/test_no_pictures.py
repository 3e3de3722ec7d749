"""A page without pictures of the state explains why, and how to get them."""

import fcntl

import pytest

from qca.report.no_pictures import explain_no_pictures
from qca.runs.run import read_run
from tests.support.run_folders import finish_event, record, skip_event, start_event, write_run

KILLED = [start_event()]
STOPPED = [start_event(), finish_event(4, "stopped")]
DIVERGED = [start_event(), skip_event(5)]
FINISH = (
    "Repeat the command that started it (`qca train` with `--resume`) to finish training "
    "and get the pictures."
)


def why(folder, episodes: int, events, *checkpoints: int) -> str:
    write_run(folder, map(record, range(1, episodes + 1)), events=events)
    (folder / "checkpoints").mkdir()
    for episode in checkpoints:
        (folder / "checkpoints" / f"episode-{episode:08d}.safetensors").touch()
    return explain_no_pictures(read_run(folder))


@pytest.mark.parametrize(
    ("events", "checkpoints", "far", "now"),
    [
        (STOPPED, [2, 4], "4 of 6 episodes", 4),
        (KILLED, [2], "4 of 6 episodes", 2),
        (DIVERGED, [2, 4], "5 of 6 episodes", 4),
        (KILLED, [], "4 of 6 episodes", None),
        (KILLED, [0], "4 of 6 episodes", None),  # a training run of 0 episodes is impossible
    ],
    ids=["stopped", "killed", "diverged", "without a checkpoint", "with the first state's"],
)
def test_an_unfinished_run_says_how_to_get_them(tmp_path, events, checkpoints, far, now):
    text = why(tmp_path / "run", 4, events, *checkpoints)
    assert f"and this one ran {far}. {FINISH}" in text
    assert ("--episodes" in text) is (now is not None)
    if now is not None:
        assert f"Add `--episodes {now}` to get those of the last checkpoint" in text


def test_a_complete_run_says_that_the_same_command_makes_them(tmp_path):
    text = why(tmp_path / "run", 6, [start_event(), finish_event(6)], 6)
    assert "although the run is complete" in text
    assert "(`qca train` with `--resume`); it makes the pictures without training further" in text


def test_a_run_that_has_not_begun_says_when_they_come(tmp_path):
    assert "of the state yet: a training run makes them when" in why(tmp_path / "run", 0, [])


def test_a_run_in_progress_says_when_they_come(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "of the state yet: a training run makes them when" in why(folder, 4, KILLED, 2)


def test_a_file_with_another_name_is_not_a_checkpoint(tmp_path):
    folder = tmp_path / "run"
    why(folder, 4, STOPPED, 2)
    (folder / "checkpoints" / "episode-best.safetensors").touch()
    assert read_run(folder).last_checkpoint == 2
