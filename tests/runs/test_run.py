"""A run folder is read, or refused if it is damaged."""

import fcntl
import json
from pathlib import Path

import pytest

from qca.core.errors import InputError
from qca.runs.run import find_run, read_run
from tests.support.run_folders import (
    complete_run,
    eventful_run,
    finish_event,
    record,
    skip_event,
    start_event,
    write_run,
)


def test_a_run_is_found_by_its_name_and_by_its_path(tmp_path):
    folder = complete_run(tmp_path / "runs" / "first")
    assert find_run("first", tmp_path / "runs") == folder
    assert find_run(str(folder), tmp_path / "elsewhere") == folder


def test_the_error_for_an_unknown_run_lists_the_runs(tmp_path):
    complete_run(tmp_path / "one")
    complete_run(tmp_path / "two")
    with pytest.raises(InputError, match="no run 'three'") as refused:
        find_run("three", tmp_path)
    assert "one, two" in refused.value.hint


def test_the_error_says_if_there_is_no_run_at_all(tmp_path):
    with pytest.raises(InputError) as refused:
        find_run("first", tmp_path / "runs")
    assert "no run in" in refused.value.hint


def test_runs_that_cannot_be_read_are_not_reported_as_missing(tmp_path):
    (tmp_path / "runs").touch()
    with pytest.raises(InputError, match="runs: cannot be read: Not a directory"):
        find_run("first", tmp_path / "runs")


@pytest.mark.parametrize(
    ("episodes", "events", "status"),
    [
        (6, [start_event(), finish_event(6)], "complete"),
        (6, [], "complete"),  # a run of a version without a journal
        (5, [start_event(), skip_event(6), finish_event(6)], "complete"),
        (6, [start_event(), finish_event(6), finish_event(6, "already-complete")], "complete"),
        (4, [start_event(), finish_event(4, "stopped")], "stopped"),
        (4, [start_event(), finish_event(4, "stopped"), start_event(5)], "interrupted"),
        (4, [], "interrupted"),
        (0, [start_event()], "interrupted"),
        (0, [], "not begun"),
    ],
)
def test_the_status_of_a_run(tmp_path, episodes, events, status):
    folder = write_run(tmp_path / "run", map(record, range(1, episodes + 1)), events=events)
    assert read_run(folder).status == status


def test_a_run_that_a_trainer_holds_is_running(tmp_path):
    folder = write_run(tmp_path / "run", [record(1)], events=[start_event()])
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert read_run(folder).status == "running"
    assert read_run(folder).status == "interrupted"


def test_the_events_of_a_run(tmp_path):
    run = read_run(eventful_run(tmp_path / "run"))
    assert run.skipped_episodes == [40, 41, 130]
    assert run.resume_episodes == [101]
    assert run.episodes_done == 160
    assert run.status == "stopped"


def test_episodes_skipped_after_the_checkpoint_are_repeated(tmp_path):
    skips = map(skip_event, (2, 5))
    folder = write_run(
        tmp_path / "run", map(record, (1, 3)), events=[start_event(), *skips, start_event(first=3)]
    )
    run = read_run(folder)
    assert run.skipped_episodes == [2]
    assert run.episodes_done == 3


def test_checkpoints_are_listed_oldest_first(tmp_path):
    folder = complete_run(tmp_path / "run")
    (folder / "checkpoints").mkdir()
    for name in ("episode-00000006.safetensors", "episode-00000004.safetensors", "notes.txt"):
        (folder / "checkpoints" / name).touch()
    assert read_run(folder).checkpoints == [
        "episode-00000004.safetensors",
        "episode-00000006.safetensors",
    ]


# -- damaged runs ---------------------------------------------------------------------------------


def _other_version(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "flux": 3}))


def _cut_config(folder: Path) -> None:
    (folder / "config.json").write_text('{"run": "fi')


def _no_metrics(folder: Path) -> None:
    (folder / "metrics.jsonl").unlink()
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "episode-00000006.safetensors").touch()


def _foreign_line(folder: Path) -> None:
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"event": "episode", "loss": "low"}\n')


def _cut_states(folder: Path) -> None:
    (folder / "states.safetensors").write_bytes(b"\0" * 20)


def _metrics_folder(folder: Path) -> None:
    (folder / "metrics.jsonl").unlink()
    (folder / "metrics.jsonl").mkdir()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_other_version, r"config\.json: flux: unknown key"),
        (_cut_config, r"config\.json: cannot be read"),
        (_no_metrics, r"metrics\.jsonl: missing, although the run has checkpoints"),
        (_foreign_line, r"metrics\.jsonl:7: not a metrics record"),
        (_cut_states, r"states\.safetensors: cannot read the states"),
        (_metrics_folder, r"metrics\.jsonl: cannot be read: a folder, not a plain file"),
    ],
)
def test_the_error_for_a_damaged_file_names_it(tmp_path, spoil, message):
    folder = complete_run(tmp_path / "run")
    spoil(folder)
    with pytest.raises(InputError, match=message) as refused:
        read_run(folder)
    assert refused.value.hint


@pytest.mark.parametrize("line", ["{", "7", '{"time": 3, "event": "noted"}', '{"event": []}'])
def test_a_journal_line_that_is_not_an_event_is_ignored(tmp_path, line):
    folder = complete_run(tmp_path / "run")
    with (folder / "events.jsonl").open("a") as journal:
        journal.write(line + "\n")
    assert [entry.event.event for entry in read_run(folder).journal] == ["started", "finished"]


def test_an_unfinished_last_line_is_ignored(tmp_path):
    folder = complete_run(tmp_path / "run")
    with (folder / "metrics.jsonl").open("a") as metrics:
        metrics.write('{"event": "epi')
    assert len(read_run(folder).records) == 6
