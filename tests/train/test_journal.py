import json
from pathlib import Path

from qca.train.journal import keeping, read
from qca.train.metrics import CheckpointWritten, Finished
from tests.train.test_metrics import record

CHECKPOINT = CheckpointWritten(episode=3, path="x")


def test_events_are_kept_with_their_time_and_episodes_are_not(tmp_path):
    path = tmp_path / "events.jsonl"
    for _ in range(2):
        with keeping(path, warn=_fail) as keep:
            keep(record(1))
            keep(CHECKPOINT)
            keep(Finished(reason="complete", episodes=3))
    events = read(path)
    assert [event["event"] for event in events] == ["checkpoint", "finished"] * 2
    assert events[0]["episode"] == 3
    assert events[0]["time"].endswith("+00:00")


def test_a_line_cut_by_a_crash_costs_that_line_alone(tmp_path):
    path = tmp_path / "events.jsonl"
    with keeping(path, warn=_fail) as keep:
        keep(CHECKPOINT)
        keep(CHECKPOINT)
        path.write_bytes(path.read_bytes()[:-9])
        keep(CHECKPOINT)
    assert len(read(path)) == 2
    assert json.loads(path.read_text().splitlines()[-1])["event"] == "checkpoint"


def test_there_is_nothing_where_no_file_is(tmp_path):
    assert read(tmp_path / "events.jsonl") == []


def test_what_is_no_event_is_left_out(tmp_path):
    (tmp_path / "events.jsonl").write_bytes(b'[1]\n{"a": 1}\n\xff\n{"time": "t", "event": "e"}\n')
    assert read(tmp_path / "events.jsonl") == [{"time": "t", "event": "e"}]


def test_a_full_disk_is_said_once_and_stops_nothing():
    """/dev/full takes an open and refuses each write."""
    said: list[str] = []
    with keeping(Path("/dev/full"), warn=said.append) as keep:
        keep(CHECKPOINT)
        keep(CHECKPOINT)
    assert said == ["/dev/full: no more events are noted: No space left on device"]


def _fail(message: str) -> None:
    raise AssertionError(message)
