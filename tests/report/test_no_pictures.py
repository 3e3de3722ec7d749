"""What the page says where it has no pictures of the state."""

import fcntl

import pytest

from qca.report.no_pictures import explain_no_pictures
from qca.runs.run import read_run
from tests.support.run_folders import event, finish_event, record, start_event, write_run

KILLED = [start_event()]
STOPPED = [start_event(), finish_event(4, "stopped")]
DIVERGED = [start_event(), event("skipped", episode=5, because="the loss is nan")]
GOES_ON = (
    "The command that started it (`qca train` with `--resume`) goes on to its end and makes them."
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
        (KILLED, [0], "4 of 6 episodes", None),  # there is no training of no episode
    ],
    ids=["stopped", "killed", "diverged", "without a checkpoint", "with the first state's"],
)
def test_of_a_run_that_is_not_finished_it_says_how_to_get_them(
    tmp_path, events, checkpoints, far, now
):
    text = why(tmp_path / "run", 4, events, *checkpoints)
    assert f"and this one made {far}. {GOES_ON}" in text
    assert ("--episodes" in text) is (now is not None)
    if now is not None:
        assert f"With `--episodes {now}` added it makes those of the last checkpoint" in text


def test_of_a_complete_run_it_says_that_the_same_command_makes_them(tmp_path):
    text = why(tmp_path / "run", 6, [start_event(), finish_event(6)], 6)
    assert "although the run is complete" in text
    assert "called again (`qca train` with `--resume`), makes them and trains no further" in text


def test_of_a_run_that_has_not_begun_it_says_when_they_come(tmp_path):
    assert "of the state yet: a training makes them when" in why(tmp_path / "run", 0, [])


def test_of_one_that_runs_it_says_when_they_come(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "of the state yet: a training makes them when" in why(folder, 4, KILLED, 2)


def test_a_file_of_another_name_is_no_checkpoint(tmp_path):
    folder = tmp_path / "run"
    why(folder, 4, STOPPED, 2)
    (folder / "checkpoints" / "episode-best.safetensors").touch()
    assert read_run(folder).last_checkpoint == 2
