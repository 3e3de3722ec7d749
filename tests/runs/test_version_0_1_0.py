"""Run folders written by version 0.1.0 can be read."""

from pathlib import Path

import numpy as np
import pytest

from qca.runs.progress import (
    Expectation,
    parse_newest_records,
    read_last_lines,
    summarize_progress,
)
from qca.runs.run import find_run, read_run

RUNS = Path(__file__).parents[1] / "data" / "run-0.1.0"


@pytest.mark.parametrize(
    ("name", "status", "done", "newest_checkpoint"),
    [("finished", "complete", 6, 6), ("stopped", "stopped", 3, 3), ("skipped", "complete", 12, 12)],
)
def test_a_run_is_read(name, status, done, newest_checkpoint):
    run = read_run(find_run(name, RUNS))
    assert (run.name, run.status, run.episodes_done) == (name, status, done)
    assert run.last_checkpoint == newest_checkpoint


def test_every_episode_is_trained_or_skipped():
    run = read_run(RUNS / "skipped")
    assert run.skipped_episodes
    learned = [record.episode for record in run.records]
    assert sorted(learned + run.skipped_episodes) == list(range(1, 13))


def test_the_states_are_read():
    snapshots = read_run(RUNS / "finished").snapshots
    assert snapshots is not None
    assert (snapshots.episode, list(snapshots.states)) == (6, [0, 1, 2, 3, 4])
    assert {state.shape for state in snapshots.states.values()} == {(2, 8, 8)}
    assert all(np.isfinite(state).all() for state in snapshots.states.values())


def test_the_progress_is_read():
    records = parse_newest_records(read_last_lines(RUNS / "stopped" / "metrics.jsonl"))
    progress = summarize_progress(records, Expectation(episodes=60), running=True)
    assert progress is not None
    assert (progress.newest.episode, progress.episodes) == (3, 60)
    assert progress.eta_seconds is not None
    assert progress.eta_seconds > 0
