"""`qca train` alone: its output, its exits, and the runs that it refuses to resume."""

import json
import os
import shutil
import signal

import pytest

from tests.cli.conftest import trainable_in
from tests.support.forks import Forked
from tests.support.program import ENDLESS, Program, checkpoints, episodes


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The program in a folder with a complete run, and its output."""
    with trainable_in(tmp_path_factory.mktemp("whole"), Forked) as program:
        yield program, program("train", "--progress", "json")


@pytest.fixture
def trained(whole, tmp_path) -> Program:
    """The program in a folder with a copy of that run."""
    program, _ = whole
    shutil.copytree(program.folder, tmp_path, dirs_exist_ok=True)
    return Forked(tmp_path, program.variables)


def test_it_prints_events_as_json(whole):
    _, done = whole
    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [event["event"] for event in events]
    assert (kinds[0], kinds[-1]) == ("started", "finished")
    assert [e["episode"] for e in events if e["event"] == "episode"] == [1, 2, 3, 4, 5, 6]


def test_a_run_is_not_started_twice(trained):
    done = trained("train", check=2)
    assert "--resume" in done.stderr


def test_the_configuration_of_a_run_cannot_change_silently(trained):
    done = trained("train", "--resume", "--grid", "12", check=2)
    assert "grid was 8" in done.stderr


@pytest.mark.parametrize("mode", [0o500, 0o000])
def test_a_run_folder_of_another_user_is_refused_and_not_changed(trained, mode):
    """A capability lets root write everywhere; without it, root is an ordinary user."""
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("no setpriv")
    ordinary = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    other = Program(trained.folder, trained.variables, ordinary if os.geteuid() == 0 else [])
    run = trained.folder / "runs" / "first"
    before = sorted(run.rglob("*"))
    for path in (*reversed(before), run):
        path.chmod(mode)
    try:
        done = other("train", "--resume", "--episodes", "7", check=1)
    finally:
        for path in (run, *before):
            path.chmod(0o700)
    assert "runs/first" in done.stderr
    assert "Permission denied" in done.stderr
    assert sorted(run.rglob("*")) == before
    assert episodes(trained) == [1, 2, 3, 4, 5, 6]


def test_the_first_ctrl_c_writes_a_checkpoint(trainable):
    with trainable.start("train", *ENDLESS) as train:
        train.wait_for_stderr("episode 1/")
        done = train.end(signal.SIGINT)
    assert done.returncode == 130
    assert checkpoints(trainable)[-1] == episodes(trainable)[-1]
    assert "the same command with --resume resumes from there" in done.stderr


def test_a_complete_run_names_its_folder_and_the_next_commands(trained):
    text = trained("train", "--resume").stderr
    assert "Run folder: runs/first" in text
    assert "qca report first" in text


def test_the_second_ctrl_c_stops_at_once(trainable):
    """The current step takes seconds, and the first Ctrl-C waits for its end."""
    slow = ("--grid", "256", "--hidden-channels", "32", "--steps", "1", "--batch-size", "4")
    with trainable.start("train", *ENDLESS, *slow) as train:
        train.wait_for_stderr("Training `first`")
        train.process.send_signal(signal.SIGINT)
        train.wait_for_stderr("a second Ctrl-C stops at once")
        assert train.end(signal.SIGINT).returncode == 130
    # If the first Ctrl-C came before the first step, there is a checkpoint of the start, but never
    # of that step.
    assert checkpoints(trainable) in ([], [0])


def test_a_run_that_fits_no_plan_is_refused_before_anything_is_created(qca):
    too_large = ("--device", "cpu", "--profile", "default", "--batch-size", "100000")
    done = qca("train", *too_large, check=1)
    assert "training does not fit: recompute strategy `two-level` needs" in done.stderr
    assert "; the budget of" in done.stderr
    assert not (qca.folder / "runs").exists()
    assert "QCA603" in qca("up", "--runtime", "local", *too_large, check=1).stderr


def test_several_processes_on_a_cpu_share_the_hosts_memory(qca):
    """A thousand processes would have a few MiB each; a process with torch needs more."""
    whole = ("--device", "cpu", "--profile", "default", "--episodes", "1")
    done = qca("train", *whole, "--processes", "1000", check=1)
    assert "training does not fit" in done.stderr
    assert not (qca.folder / "runs").exists()
