"""`qca up --runtime local` from start to finish, and everything that can stop it early."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from tests.cli.conftest import trainable_in
from tests.support.program import ENDLESS, Endless, Program, Running, checkpoints, episodes
from tests.support.waiting import wait_for

UP = ("up", "--runtime", "local")
SECONDS_TO_DIE = 20


def temporary(program: Program) -> list[Path]:
    """Return the leftover files."""
    return list(Path(program.variables["TMPDIR"]).iterdir())


def read_stream(program: Program, run: str = "first") -> list[int]:
    """Return the episodes in the stream of the running store."""
    [socket] = Path(program.variables["TMPDIR"]).glob("qca-store-*/store.sock")
    with redis.Redis(unix_socket_path=str(socket)) as store:
        entries: Any = store.xrange(f"qca:{run}:metrics")
    return [json.loads(fields[b"record"])["episode"] for _, fields in entries]


def assert_all_gone(program: Program, family: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(family, timeout=SECONDS_TO_DIE)
    assert alive == []
    assert wait_for(lambda: temporary(program) == [], SECONDS_TO_DIE)


# -- to its end -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """The program in a folder with a finished training run, and its output."""
    with trainable_in(tmp_path_factory.mktemp("complete")) as program:
        yield program, program(*UP)


def test_up_trains_to_the_end_and_leaves_only_a_run_folder(complete):
    program, done = complete
    assert done.stdout == ""
    assert "Without Docker" in done.stderr
    assert "episode 6/6" in done.stderr
    assert "runs/first" in done.stderr
    assert episodes(program) == [1, 2, 3, 4, 5, 6]
    assert checkpoints(program) == [2, 4, 6]
    assert temporary(program) == []


def test_a_repeated_up_is_harmless_and_down_keeps_the_run(complete):
    program, _ = complete
    again = program(*UP)
    assert "This run is complete: 6 episodes" in again.stderr
    assert episodes(program) == [1, 2, 3, 4, 5, 6]

    program("down", "--volumes")
    assert sorted(path.name for path in program.folder.iterdir()) == ["qca.toml", "runs"]
    assert checkpoints(program) == [2, 4, 6]


# -- while it runs --------------------------------------------------------------------------------


def test_status_and_the_store_show_it_and_a_second_up_is_refused(endless):
    up, program = endless.up(), endless.program
    assert wait_for(lambda: read_stream(program))[0] == 1
    status = json.loads(program("status", "--format", "json").stdout)
    assert {one["name"]: one["state"] for one in status["services"]} == {
        "store": "running",
        "trainer": "running",
    }
    assert status["last_episode"]["episode"] >= 1
    refused = program(*UP, check=1)
    assert f"process {up.process.pid}" in refused.stderr


def test_two_trainers_do_not_share_a_run(endless):
    first = trainer(endless.up())
    done = endless.program("train", "--resume", *ENDLESS, check=1)
    assert "another trainer" in done.stderr
    assert str(first.pid) in done.stderr
    assert first.is_running()


def test_a_store_that_dies_does_not_stop_the_training(endless):
    up, program = endless.up(), endless.program
    server = next(one for one in up.find_children() if "valkey" in one.name())
    server.kill()
    made = len(episodes(program))
    wait_for(lambda: len(episodes(program)) > made + 20)
    assert up.end(signal.SIGTERM).returncode == 0
    assert temporary(program) == []


# -- its ends -------------------------------------------------------------------------------------


def trainer(up: Running) -> psutil.Process:
    return next(one for one in up.find_children() if "train" in one.cmdline())


def ctrl_c_at_a_terminal(process: subprocess.Popen[bytes]) -> None:
    """A terminal signals the whole process group at once."""
    os.killpg(process.pid, signal.SIGINT)


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (lambda process: process.send_signal(signal.SIGINT), 130),
        (lambda process: process.send_signal(signal.SIGTERM), 0),
        (ctrl_c_at_a_terminal, 130),
    ],
    ids=["SIGINT", "SIGTERM", "Ctrl-C at a terminal"],
)
def test_a_signal_writes_a_checkpoint_from_which_the_next_up_resumes(
    endless: Endless, end: Callable[[subprocess.Popen[bytes]], None], status: int
) -> None:
    up = endless.up()
    family = up.find_children()
    end(up.process)
    done = up.end()
    assert done.returncode == status
    made = checkpoints(endless.program)[-1]
    assert f"Saved in runs/first: {made:,} of 1,000,000 episodes. The same command" in done.stderr
    assert_goes_on(endless, family)


def test_trainer_and_store_exit_if_up_is_killed(endless):
    up = endless.up()
    family = up.find_children()
    assert len(family) >= 3  # the trainer, the store and its server
    up.process.kill()
    assert_goes_on(endless, family)


def assert_goes_on(endless: Endless, family: list[psutil.Process]) -> None:
    """The last episode has a checkpoint, nothing is left behind, and a new trainer continues from
    it."""
    program = endless.program
    assert_all_gone(program, family)
    made = episodes(program)
    assert checkpoints(program)[-1] == made[-1]

    assert f"episode {made[-1] + 1}/" in endless.up().read_stderr()
    assert episodes(program)[: len(made) + 1] == [*made, made[-1] + 1]


def test_down_stops_a_running_up(endless):
    up, program = endless.up(), endless.program
    family = up.find_children()
    program("down")
    assert up.end().returncode == 0
    assert_all_gone(program, family)
    assert checkpoints(program)[-1] == episodes(program)[-1]
    assert not (program.folder / ".qca").exists()


def test_a_trainer_that_dies_is_reported_and_the_store_gets_every_episode(endless):
    """The next trainer drops the lines after the last checkpoint before it resumes."""
    up, program = endless.up(), endless.program
    family = up.find_children()
    saved = checkpoints(program)[-1]
    wait_for(lambda: episodes(program)[-1] > saved + 50)
    trainer(up).kill()
    done = up.end()
    assert done.returncode == 1
    assert "SIGKILL" in done.stderr
    assert_all_gone(program, family)

    made = len(episodes(program))
    again = endless.up()
    wait_for(lambda: read_stream(program)[made:])
    numbers = read_stream(program)
    assert numbers == list(range(1, len(numbers) + 1))
    assert f"episode {saved + 1}/" in again.read_stderr()
    assert "Traceback" not in program("logs", "trainer").stdout
