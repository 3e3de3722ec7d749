"""Killing, freezing and starving trainer and store does not change the result.

A part of the tests runs by default, all of them by `nox -s chaos`. The times come from a seed, but
what happens at each depends on the speed of the machine. That is intended: every run tests
something else.
"""

import contextlib
import random
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.support.store_troubles import TROUBLES
from tests.support.trainer import ENDLESS, Trainer
from tests.support.training import read_learned, read_newest
from tests.support.valkey import Valkey

slow = pytest.mark.slow

# Runs end at a multiple of this, so that tests share the undisturbed runs for comparison.
ROUND = 100


def start(folder: Path, store: Valkey, *, episodes: int = ENDLESS) -> Trainer:
    return Trainer(folder, f"--store={store.url}", episodes=episodes)


def finish(trainer: Trainer, folder: Path, store: Valkey) -> int:
    """Stop an endless trainer and let another one finish the run; return its number of episodes."""
    trainer.wait_until_it_trains()
    assert trainer.end(signal.SIGTERM) == 0
    episodes = (trainer.read_last_episode() // ROUND + 1) * ROUND
    last = start(folder, store, episodes=episodes)
    assert last.end() == 0, last.read_stderr()
    return episodes


def assert_nothing_was_lost(run: Path, calm: Path, store: Valkey) -> None:
    """Assert that each episode occurs once and in order, with the numbers of an undisturbed run."""
    assert_equal_runs(run, calm)
    assert not list(run.rglob("*unfinished"))
    assert store.lines() == (run / "metrics.jsonl").read_bytes().splitlines()


def assert_equal_runs(run: Path, calm: Path) -> None:
    """Assert that both runs have the same losses and the same weights."""
    assert read_learned(run) == read_learned(calm)
    ended, expected = read_newest(run), read_newest(calm)
    assert ended.episode == expected.episode
    assert ended.tensors.keys() == expected.tensors.keys()
    assert all(torch.equal(t, ended.tensors[name]) for name, t in expected.tensors.items())


def wait_for_a_moment(chance: random.Random, trainer: Trainer) -> None:
    """One of three kills occurs while the trainer starts, the others during episodes."""
    if chance.random() < 2 / 3:
        trainer.wait_until_it_trains()
    time.sleep(chance.uniform(0, 0.4))


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("trainers", "stores"),
    [
        (8, 4),
        pytest.param(50, 0, marks=slow),
        pytest.param(0, 20, marks=slow),
        pytest.param(50, 20, marks=slow),
    ],
)
@pytest.mark.parametrize("kind", ["store", pytest.param("lasting_store", marks=slow)])
def test_trainer_and_store_are_killed_at_random_moments(
    request, tmp_path, reference_run, kind, trainers, stores
):
    store = request.getfixturevalue(kind)
    blows = [*["trainer"] * trainers, *["store"] * stores]
    chance = random.Random(f"{kind} {trainers} {stores}")
    chance.shuffle(blows)
    trainer = start(tmp_path, store)
    for blow in blows:
        wait_for_a_moment(chance, trainer)
        if blow == "trainer":
            trainer.kill()
            trainer = start(tmp_path, store)
        else:
            store.kill()
            time.sleep(chance.uniform(0, 0.4))
            store.start()
    episodes = finish(trainer, tmp_path, store)
    assert_nothing_was_lost(trainer.run, reference_run(episodes), store)
    print(f"{trainers} kills of the trainer and {stores} of the store survived")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=slow)])
@pytest.mark.parametrize(
    "segments",
    [
        ("--segment=4", "--tapes=8"),
        pytest.param(("--segment=4", "--tapes=0"), marks=slow),
        pytest.param(("--segment=4", "--tapes=10"), marks=slow),
        pytest.param(("--segment=1", "--tapes=3"), marks=slow),
    ],
    ids=" ".join,
)
def test_a_run_keeps_its_segments_and_tapes_whatever_restarts_it(
    tmp_path, reference_run, segments, kills
):
    """The segments decide how sums are rounded, so others would give another loss.

    Some restarts do not repeat the flags: then the run keeps its own.
    """
    long = "--steps=10"
    chance = random.Random(f"{segments} {kills}")
    trainer = Trainer(tmp_path, long, *segments)
    trainer.wait_until_it_trains()
    for _ in range(kills):
        wait_for_a_moment(chance, trainer)
        trainer.kill()
        trainer = Trainer(tmp_path, long, *chance.choice([segments, ()]))
    trainer.wait_until_it_trains()
    assert trainer.end(signal.SIGTERM) == 0
    episodes = trainer.read_last_episode() + 3
    last = Trainer(tmp_path, long, episodes=episodes)
    assert last.end() == 0, last.read_stderr()
    assert_equal_runs(trainer.run, reference_run(episodes, long, *segments))


@pytest.mark.parametrize(
    ("trouble", "seconds"),
    # Longer than the trainer waits for an answer; ten seconds in the long run.
    [("_freeze", 2.5), *(pytest.param(name.__name__, 10, marks=slow) for name in TROUBLES)],
)
def test_a_failing_store_does_not_delay_training(tmp_path, store, reference_run, trouble, seconds):
    bring = next(one for one in TROUBLES if one.__name__ == trouble)
    trainer = start(tmp_path, store)
    trainer.wait_until_it_trains()
    mend = bring(store)
    before = trainer.read_last_episode()
    time.sleep(seconds)
    assert trainer.read_last_episode() > before + 5
    mend()
    episodes = finish(trainer, tmp_path, store)
    assert "the store does not accept metrics" in trainer.read_stderr()
    assert "the store accepts metrics again and has all of them" in trainer.read_stderr()
    assert_nothing_was_lost(trainer.run, reference_run(episodes), store)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of a few checkpoints' size at `folder`."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("no mount here")
    if done.returncode != 0:
        pytest.skip(f"this machine mounts nothing for us: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill the disk with a file, and return the file."""
    ballast = folder / "ballast"
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1024))
    return ballast


@pytest.mark.parametrize("times", [1, pytest.param(10, marks=slow)])
def test_a_full_disk_loses_no_episode(tmp_path, store, reference_run, times):
    chance = random.Random(times)
    with small_disk(tmp_path / "runs"):
        for _ in range(times):
            trainer = start(tmp_path, store)
            wait_for_a_moment(chance, trainer)
            ballast = fill(tmp_path / "runs")
            assert trainer.end() == 1
            assert "No space left on device" in trainer.read_stderr()
            assert re.search("Free disk space", trainer.read_stderr())
            ballast.unlink()
        trainer = start(tmp_path, store)
        episodes = finish(trainer, tmp_path, store)
        assert_nothing_was_lost(trainer.run, reference_run(episodes), store)
    print(f"{times} full disks survived")
