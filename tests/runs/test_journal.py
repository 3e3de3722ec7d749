import json
import os
from pathlib import Path

import pytest

from qca.runs import journal
from qca.runs.events import CheckpointWritten, Finished, Started
from qca.runs.journal import (
    JournalEntry,
    UnknownEvent,
    list_skipped_episodes,
    open_journal,
    read_journal,
)
from qca.runs.metrics_log import read_records
from qca.train import trainer
from tests.support.run_folders import record
from tests.support.training import list_kinds, run, small

CHECKPOINT = CheckpointWritten(episode=3, path="x")
FINISHED = Finished(reason="complete", episodes=3)


def test_events_are_kept_with_their_time_and_episodes_are_not(tmp_path):
    path = tmp_path / "events.jsonl"
    for _ in range(2):
        with open_journal(path, warn=_fail) as append:
            append(record(1))
            append(CHECKPOINT)
            append(FINISHED)
    journal = read_journal(path)
    assert [entry.event for entry in journal] == [CHECKPOINT, FINISHED] * 2
    assert journal[0].time.endswith("+00:00")


def test_a_line_truncated_by_a_crash_is_the_only_one_lost(tmp_path):
    path = tmp_path / "events.jsonl"
    with open_journal(path, warn=_fail) as append:
        append(CHECKPOINT)
        append(CHECKPOINT)
        path.write_bytes(path.read_bytes()[:-9])
        append(CHECKPOINT)
    assert len(read_journal(path)) == 2
    assert json.loads(path.read_text().splitlines()[-1])["event"] == "checkpoint"


def test_a_missing_file_is_empty(tmp_path):
    assert read_journal(tmp_path / "events.jsonl") == []


def test_invalid_lines_are_ignored(tmp_path):
    (tmp_path / "events.jsonl").write_bytes(b'[1]\n{"a": 1}\n\xff\n{"time": "t", "event": "e"}\n')
    assert read_journal(tmp_path / "events.jsonl") == [JournalEntry("t", UnknownEvent("e", {}))]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"event": "checkpoint", "episode": 3, "path": "x"}, CHECKPOINT),
        # A later version may add a field, or change what it writes.
        ({"event": "checkpoint", "episode": 3, "path": "x", "host": "h"}, CHECKPOINT),
        ({"event": "checkpoint", "episode": "3"}, UnknownEvent("checkpoint", {"episode": "3"})),
        ({"event": "paused", "episode": 3}, UnknownEvent("paused", {"episode": 3})),
        # Only the trainer writes episodes, and to another file.
        ({"event": "episode"}, UnknownEvent("episode", {})),
    ],
)
def test_an_event_that_this_version_does_not_write_is_kept_with_its_fields(
    tmp_path, line, expected
):
    (tmp_path / "events.jsonl").write_text(json.dumps({"time": "t", **line}))
    [entry] = read_journal(tmp_path / "events.jsonl")
    assert entry.event == expected


def test_a_full_disk_is_reported_once_and_stops_nothing(tmp_path, monkeypatch):
    """`/dev/full` can be opened, but refuses every write."""
    path, warnings = tmp_path / "events.jsonl", list[str]()
    monkeypatch.setattr(journal, "open_plain", lambda *_, **__: open("/dev/full", "a+b"))  # noqa: PTH123, SIM115
    with open_journal(path, warn=warnings.append) as append:
        append(CHECKPOINT)
        append(CHECKPOINT)
    assert warnings == [
        f"{path}: cannot be written, so no more events are recorded: No space left on device"
    ]


def test_a_link_or_a_pipe_is_reported_and_stops_nothing(tmp_path):
    victim, warnings = tmp_path / "victim", list[str]()
    victim.write_text("precious")
    (tmp_path / "link").symlink_to(victim)
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with open_journal(tmp_path / name, warn=warnings.append) as append:
            append(CHECKPOINT)
    assert victim.read_text() == "precious"
    assert [one.rpartition(": ")[2] for one in warnings] == [
        "a symbolic link, not a plain file",
        "a named pipe, not a plain file",
    ]


@pytest.fixture
def restarted_run(tmp_path, monkeypatch) -> Path:
    """A run killed after episode 4, two after its checkpoint, that skipped episodes 2 and 4."""
    true = trainer.draw_initial_state

    def draw_initial_state(seed, samples, **shape):
        psi = true(seed, samples, **shape)
        return psi * float("nan") if samples[0] in (1, 3) else psi

    monkeypatch.setattr(trainer, "draw_initial_state", draw_initial_state)
    _train(tmp_path, episodes=4)
    (tmp_path / "checkpoints/episode-00000004.safetensors").unlink()
    _train(tmp_path, episodes=6)
    return tmp_path


def _train(folder: Path, episodes: int) -> None:
    run(small(episodes=episodes), folder, resume=True)


def test_repeated_events_stay_and_the_start_says_which_are_void(restarted_run):
    events = [entry.event for entry in read_journal(restarted_run / "events.jsonl")]
    episodes = [
        (one.event, getattr(one, "first_episode", None) or getattr(one, "episode", None))
        for one in events
    ]
    assert episodes == [
        *(("started", 1), ("skipped", 2), ("checkpoint", 2), ("skipped", 4), ("checkpoint", 4)),
        ("finished", None),
        *(
            ("started", 3),
            ("config-changed", 3),
            ("skipped", 4),
            ("checkpoint", 4),
            ("checkpoint", 6),
        ),
        ("finished", None),
    ]
    starts = [one for one in events if isinstance(one, Started)]
    assert [start.made_again_until for start in starts] == [None, 4]


def test_an_episode_skipped_twice_counts_once(restarted_run):
    skipped = list_skipped_episodes(read_journal(restarted_run / "events.jsonl"))
    records = read_records(restarted_run / "metrics.jsonl")
    assert skipped == [2, 4]
    assert records[-1].skipped == len(skipped)
    assert sorted([*skipped, *(r.episode for r in records)]) == [1, 2, 3, 4, 5, 6]


def test_an_unreadable_journal_does_not_stop_training(tmp_path):
    run(small(episodes=3), tmp_path)
    (tmp_path / "events.jsonl").unlink()
    (tmp_path / "events.jsonl").mkdir()
    assert list_kinds(run(small(), tmp_path, resume=True))[-1] == "finished"


def _fail(message: str) -> None:
    raise AssertionError(message)
