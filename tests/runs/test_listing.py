"""The list shows what is known about each run, even if its files are damaged."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from qca.core.errors import InputError
from qca.runs.listing import RunSummary, summarize_runs
from tests.support.run_folders import start_event

NOW = datetime(2026, 2, 3, 4, 6, 6, tzinfo=UTC)


def summarize(runs: Path, start: str) -> RunSummary:
    (runs / "first").mkdir(parents=True)
    (runs / "first/config.json").write_text('{"run": "first"}')
    (runs / "first/events.jsonl").write_text(json.dumps(start_event(time=start)))
    (only,) = summarize_runs(runs, NOW)
    return only


def test_the_age_counts_from_the_first_start(tmp_path):
    assert summarize(tmp_path, "2026-02-03T05:05:06+01:00").age_seconds == 60


@pytest.mark.parametrize("start", ["yesterday", "", "2026-02-03T04:05:06", "2026-02-30T00:00:00Z"])
def test_an_invalid_start_time_leaves_the_age_unknown(tmp_path, start):
    found = summarize(tmp_path, start)
    assert found.age_seconds is None
    assert found.state == "interrupted"


def test_a_missing_folder_has_no_runs(tmp_path):
    assert summarize_runs(tmp_path / "runs", NOW) == []


def test_a_file_does_not_count_as_an_empty_folder(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(InputError, match="runs: cannot be read: Not a directory"):
        summarize_runs(tmp_path / "runs", NOW)


def test_a_run_that_this_user_cannot_open_is_listed(tmp_path, monkeypatch):
    (tmp_path / "first").mkdir()

    def refuse(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)
    assert [one.state for one in summarize_runs(tmp_path, NOW)] == ["unreadable"]
