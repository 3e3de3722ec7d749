"""`qca up --runtime local` from start to end, and everything that can end it before."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from tests.cli.program import ENDLESS, Program, Running, eventually

UP = ("up", "--runtime", "local")
SECONDS_TO_DIE = 20


def episodes(program: Program, run: str = "first") -> list[int]:
    lines = (program.folder / "runs" / run / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["episode"] for line in lines]


def checkpoints(program: Program, run: str = "first") -> list[int]:
    files = (program.folder / "runs" / run / "checkpoints").iterdir()
    return sorted(int(file.stem.removeprefix("episode-")) for file in files)


def temporary(program: Program) -> list[Path]:
    """What is left of ours; torch keeps a cache there as soon as an optimizer is made."""
    left = Path(program.variables["TMPDIR"]).iterdir()
    return [path for path in left if not path.name.startswith("torchinductor_")]


def stored(program: Program, run: str = "first") -> list[int]:
    """The episodes in the stream of the store that runs."""
    [socket] = Path(program.variables["TMPDIR"]).glob("qca-store-*/store.sock")
    with redis.Redis(unix_socket_path=str(socket)) as store:
        entries: Any = store.xrange(f"qca:{run}:metrics")
    return [json.loads(fields[b"record"])["episode"] for _, fields in entries]


def assert_all_gone(program: Program, family: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(family, timeout=SECONDS_TO_DIE)
    assert alive == []
    assert eventually(lambda: temporary(program) == [], SECONDS_TO_DIE)


@pytest.fixture
def training(trainable: Program) -> Iterator[Running]:
    """An endless training that has made its first episode."""
    with trainable.running(*UP, *ENDLESS) as up:
        up.until("episode 1/")
        yield up


def test_up_trains_to_the_end_and_leaves_a_run_folder_and_nothing_else(trainable):
    done = trainable(*UP)

    assert done.stdout == ""
    assert "Without Docker" in done.stderr
    assert "episode 6/6" in done.stderr
    assert "runs/first" in done.stderr
    assert episodes(trainable) == [1, 2, 3, 4, 5, 6]
    assert checkpoints(trainable) == [2, 4, 6]
    assert temporary(trainable) == []


def test_up_once_more_is_harmless_and_down_keeps_the_run(trainable):
    trainable(*UP)
    again = trainable(*UP)
    assert "This run is complete: 6 episodes" in again.stderr
    assert episodes(trainable) == [1, 2, 3, 4, 5, 6]

    trainable("down", "--volumes")
    assert sorted(path.name for path in trainable.folder.iterdir()) == ["qca.toml", "runs"]
    assert checkpoints(trainable) == [2, 4, 6]


def test_while_it_runs_status_logs_and_the_store_show_it(trainable, training):
    assert eventually(lambda: stored(trainable))[0] == 1
    status = json.loads(trainable("status", "--format", "json").stdout)
    assert {one["name"]: one["state"] for one in status["services"]} == {
        "store": "running",
        "trainer": "running",
    }
    assert status["last_episode"]["episode"] >= 1
    trainer = trainable("logs", "trainer")
    assert trainer.returncode == 0
    refused = trainable(*UP, check=1)
    assert f"process {training.process.pid}" in refused.stderr


def test_down_stops_a_running_up(trainable, training):
    family = training.family()
    trainable("down")
    assert training.end().returncode == 0
    assert_all_gone(trainable, family)
    assert checkpoints(trainable)
    assert not (trainable.folder / ".qca").exists()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_writes_a_checkpoint_and_the_next_up_goes_on(trainable, training, number, status):
    family = training.family()
    assert training.end(number).returncode == status
    assert_all_gone(trainable, family)
    made = episodes(trainable)
    assert checkpoints(trainable)[-1] == made[-1]

    trainable(*UP, "--episodes", str(made[-1] + 1))
    assert episodes(trainable) == [*made, made[-1] + 1]


def test_ctrl_c_at_a_terminal_reaches_everyone_and_still_writes_a_checkpoint(trainable, training):
    """A terminal signals the whole process group at once."""
    family = training.family()
    os.killpg(training.process.pid, signal.SIGINT)
    assert training.end().returncode == 130
    assert_all_gone(trainable, family)
    assert checkpoints(trainable)[-1] == episodes(trainable)[-1]


def test_when_up_is_killed_trainer_and_store_end_by_themselves(trainable, training):
    family = training.family()
    assert len(family) >= 3  # the trainer, the store and its server
    training.process.kill()
    assert_all_gone(trainable, family)
    made = episodes(trainable)
    assert checkpoints(trainable)[-1] == made[-1]

    trainable(*UP, "--episodes", str(made[-1] + 1))
    assert episodes(trainable)[-1] == made[-1] + 1


def test_a_trainer_that_dies_is_reported_with_its_signal(trainable, training):
    family = training.family()
    trainer = next(one for one in family if "train" in one.cmdline())
    trainer.kill()
    done = training.end()
    assert done.returncode == 1
    assert "SIGKILL" in done.stderr
    assert_all_gone(trainable, family)


def test_after_a_killed_trainer_the_store_gets_every_episode(trainable):
    """The next trainer drops the lines after the last checkpoint before it goes on."""
    words = (*UP, *ENDLESS, "--checkpoint-every", "1000000")
    with trainable.running(*words) as up:
        up.until("episode 1/")
        eventually(lambda: len(episodes(trainable)) > 50)
        next(one for one in up.family() if "train" in one.cmdline()).kill()
        assert up.end().returncode == 1
    made = len(episodes(trainable))
    with trainable.running(*words) as up:
        eventually(lambda: "episode 1/" in up.said() and stored(trainable)[made:])
        numbers = stored(trainable)
        assert numbers == list(range(1, len(numbers) + 1))
        assert "Traceback" not in trainable("logs", "trainer").stdout
        assert up.end(signal.SIGTERM).returncode == 0


def test_a_store_that_dies_does_not_stop_the_training(trainable, training):
    server = next(one for one in training.family() if "valkey" in one.name())
    server.kill()
    made = len(episodes(trainable))
    eventually(lambda: len(episodes(trainable)) > made + 20)
    assert training.end(signal.SIGTERM).returncode == 0
    assert temporary(trainable) == []


def test_a_long_temporary_folder_does_not_matter(trainable, tmp_path):
    folder = tmp_path / ("x" * 100)  # a Unix socket's path has 107 characters
    folder.mkdir()
    trainable(*UP, TMPDIR=str(folder))
    assert not list(folder.glob("qca-*"))


# -- qca train ------------------------------------------------------------------------------------


def test_train_alone_prints_events_for_programs(trainable):
    done = trainable("train", "--progress", "json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [event["event"] for event in events]
    assert (kinds[0], kinds[-1]) == ("started", "finished")
    assert [e["episode"] for e in events if e["event"] == "episode"] == [1, 2, 3, 4, 5, 6]


def test_a_run_is_not_started_over(trainable):
    trainable("train")
    done = trainable("train", check=2)
    assert "--resume" in done.stderr


def test_the_first_ctrl_c_writes_a_checkpoint(trainable):
    with trainable.running("train", *ENDLESS) as train:
        train.until("episode 1/")
        assert train.end(signal.SIGINT).returncode == 130
    assert checkpoints(trainable)[-1] == episodes(trainable)[-1]


def test_the_second_ctrl_c_stops_at_once(trainable):
    """The step in progress takes seconds, and the first Ctrl-C would wait for its end."""
    slow = ("--grid", "256", "--hidden-channels", "32", "--steps", "1", "--batch-size", "4")
    with trainable.running("train", *ENDLESS, *slow) as train:
        train.until("Training first")
        train.process.send_signal(signal.SIGINT)
        train.until("Ctrl-C again stops at once")
        assert train.end(signal.SIGINT).returncode == 130
    # Of the beginning, where the first one came before the first step; never of that step.
    assert checkpoints(trainable) in ([], [0])


def test_two_trainers_do_not_share_a_run(trainable):
    with trainable.running("train", *ENDLESS) as first:
        first.until("episode 1/")
        done = trainable("train", "--resume", *ENDLESS, check=1)
        assert "another trainer" in done.stderr
        assert str(first.process.pid) in done.stderr


# -- disks ----------------------------------------------------------------------------------------

# What the program sees is gone with it, so nothing has to be unmounted.
MOUNT = 'mount -t tmpfs -o "$0" none runs && "$@"; status=$?; cp -r runs kept; exit $status'


def beside_a_small_disk(program: Program, options: str) -> Program:
    """The same program, its folder `runs` on a disk of its own; copied to `kept` at the end."""
    (program.folder / "runs").mkdir()
    namespace = ["unshare", "--mount", "--map-root-user"]
    if shutil.which("unshare") is None:
        pytest.skip("no unshare")
    probe = [*namespace, "mount", "-t", "tmpfs", "none", str(program.folder / "runs")]
    tried = subprocess.run(probe, capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"this machine mounts nothing for us: {tried.stderr.strip()}")
    before = [*namespace, "sh", "-c", MOUNT, options]
    return Program(program.folder, program.variables, before)


@pytest.mark.parametrize(
    "words", [("train", *ENDLESS), (*UP, *ENDLESS)], ids=lambda words: words[0]
)
def test_a_full_disk_is_reported_and_the_last_good_checkpoint_is_kept(trainable, words):
    program = beside_a_small_disk(trainable, "size=800k")
    done = program(*words, "--checkpoint-every", "1", check=1)
    assert "No space left on device" in done.stderr
    assert "Make room" in done.stderr
    shutil.rmtree(program.folder / "runs")
    (program.folder / "kept").rename(program.folder / "runs")
    last = checkpoints(program)[-1]

    trainable("train", "--resume", "--episodes", str(last + 1))
    assert episodes(trainable) == list(range(1, last + 2))


@pytest.mark.parametrize("words", [("train",), UP], ids=lambda words: words[0])
def test_a_disk_that_may_only_be_read_is_reported(trainable, words):
    program = beside_a_small_disk(trainable, "ro")
    done = program(*words, check=1)
    assert "Read-only file system" in done.stderr
    assert "runs/first" in done.stderr


def test_a_file_in_place_of_the_runs_is_reported(trainable):
    (trainable.folder / "runs").touch()
    assert "Not a directory" in trainable("train", check=1).stderr


def test_a_state_folder_that_cannot_be_written_is_reported(trainable):
    (trainable.folder / ".qca").touch()
    done = trainable(*UP, check=1)
    assert ".qca" in done.stderr


def test_the_configuration_of_a_run_does_not_change_unnoticed(trainable):
    trainable("train")
    done = trainable("train", "--resume", "--grid", "12", check=2)
    assert "grid was 8" in done.stderr


@pytest.mark.parametrize("mode", [0o500, 0o000])
def test_a_run_folder_of_another_user_is_refused_and_left_as_it_is(trainable, mode):
    """Root may write everywhere by a capability; without it root is anybody."""
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("no setpriv")
    ordinary = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    other = Program(trainable.folder, trainable.variables, ordinary if os.geteuid() == 0 else [])
    trainable("train")
    run = trainable.folder / "runs" / "first"
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
    assert episodes(trainable) == [1, 2, 3, 4, 5, 6]


def test_what_fits_no_plan_is_refused_before_anything_is_made(qca):
    too_large = ("--device", "cpu", "--profile", "default", "--batch-size", "100000")
    done = qca("train", *too_large, check=1)
    assert "the training does not fit: recompute plan `two-level` needs" in done.stderr
    assert "more than the budget of" in done.stderr
    assert not (qca.folder / "runs").exists()
    assert "QCA603" in qca("up", "--runtime", "local", *too_large, check=1).stderr
