"""The progress of a training run follows from its newest records."""

import pytest

from qca.runs.progress import (
    Expectation,
    parse_newest_records,
    read_last_lines,
    summarize_progress,
)
from tests.support.run_folders import make_started, record

GIB = 2**30
CUDA = Expectation(
    episodes=100,
    device="cuda",
    predicted_peak_bytes=2 * GIB,
    context_bytes=GIB // 2,
    budget_bytes=4 * GIB,
)


def test_nothing_is_known_before_the_first_episode():
    assert summarize_progress([], CUDA, running=True) is None


@pytest.mark.parametrize(
    ("last", "running", "eta"),
    [(10, True, 45.0), (100, True, 0.0), (120, True, 0.0), (10, False, None)],
)
def test_the_time_left_follows_from_the_newest_episodes(last, running, eta):
    progress = summarize_progress([record(last, seconds=0.5)], CUDA, running=running)
    assert progress is not None
    assert progress.eta_seconds == eta


def test_one_slow_episode_does_not_make_the_rest_slow():
    records = [record(n, seconds=60 if n == 7 else 0.5) for n in range(1, 11)]
    progress = summarize_progress(records, CUDA, running=True)
    assert progress is not None
    assert progress.eta_seconds == 45.0


def test_the_time_left_is_unknown_without_a_number_of_episodes():
    progress = summarize_progress([record(1)], Expectation(), running=True)
    assert progress is not None
    assert (progress.episodes, progress.eta_seconds) == (None, None)


@pytest.mark.parametrize(
    ("expected", "measured", "used", "predicted"),
    [
        (CUDA, {"memory_bytes": GIB, "reserved_bytes": 2 * GIB}, 2.5 * GIB, 2.5 * GIB),
        (CUDA, {"memory_bytes": GIB}, 1.5 * GIB, 2.5 * GIB),
        (Expectation(device="cpu", context_bytes=GIB), {"memory_bytes": GIB}, GIB, None),
        (Expectation(), {"memory_bytes": GIB, "reserved_bytes": 2 * GIB}, 2 * GIB, None),
    ],
    ids=["reserved", "allocated", "resident", "unknown"],
)
def test_the_memory_is_all_that_the_process_has_on_its_device(expected, measured, used, predicted):
    progress = summarize_progress([record(1, **measured)], expected, running=True)
    assert progress is not None
    assert progress.memory.used_bytes == used
    assert progress.memory.predicted_bytes == predicted
    assert progress.memory.budget_bytes == expected.budget_bytes


def test_lines_that_are_not_episodes_are_ignored():
    lines = ["Traceback", record(1).model_dump_json(), '{"event":"noted","message":"x"}', "{", ""]
    assert parse_newest_records(lines) == [record(1)]


def test_a_repeated_episode_counts_once():
    """Return the log of a container whose trainer was killed and restarted."""
    restart = make_started(first=3).model_dump_json()
    before = [record(n).model_dump_json() for n in range(1, 6)]
    assert [r.episode for r in parse_newest_records([*before, restart])] == [1, 2]
    again = record(3, loss=9).model_dump_json()
    assert [r.loss for r in parse_newest_records([*before, restart, again])] == [4, 2, 9]


def test_only_the_end_of_a_long_file_is_read(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(record(n).model_dump_json() + "\n" for n in range(1, 2001)))
    lines = read_last_lines(path)
    assert 20 <= len(lines) < 2000
    assert parse_newest_records(lines)[-1].episode == 2000


def test_a_line_that_is_still_being_written_is_not_read(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("one\ntwo")
    assert read_last_lines(path) == ["one"]
    assert read_last_lines(tmp_path / "nowhere") == []
