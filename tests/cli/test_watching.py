"""Watch a training run while it runs, without Docker: status, logs, report."""

import fcntl
import json
import os
import re
import signal
from pathlib import Path

import pytest

from qca.runs.events import Finished, Noted
from tests.support.program import Endless, Program, Running
from tests.support.run_folders import record, write_run
from tests.support.terminal import open_terminal
from tests.support.waiting import wait_for

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"  # a terminal's cursor


@pytest.fixture
def watched(endless: Endless) -> Program:
    """The program in a folder with a run in progress."""
    endless.up()
    return endless.program


def episodes_in(text: str) -> list[int]:
    """Return the episode numbers in the output of `status`."""
    return [int(number.replace(",", "")) for number in re.findall(r"([\d,]+) of 1,000,000", text)]


def test_status_shows_the_progress_and_the_remaining_time(watched):
    found = json.loads(watched("status", "--format", "json").stdout)
    assert {one["name"]: (one["state"], one["health"]) for one in found["services"]} == {
        "store": ("running", None),
        "trainer": ("running", "healthy"),
    }
    assert found["episodes"] == 1_000_000
    assert 1 <= found["last_episode"]["episode"] < 1_000_000
    assert found["eta_seconds"] > 60
    memory = found["memory"]
    assert 2**20 < memory["used_bytes"] < memory["budget_bytes"]
    assert memory["predicted_bytes"] > 2**20


def test_the_text_has_the_same_numbers(watched):
    text = watched("status").stdout
    assert "run first, runtime local, project qca" in text
    assert re.search(r"trainer +running +healthy", text)
    assert episodes_in(text)
    for words in ("loss", "steps/s", "budget (", "predicted", "left", "about"):
        assert words in text


def cursor_is_shown(text: str) -> bool:
    """Return whether the cursor is visible again; a terminal shows output with a delay."""
    return text.rfind(SHOW) > text.rfind(HIDE)


def test_watching_redraws_until_ctrl_c_and_restores_the_terminal(watched):
    with open_terminal(watched, "status", "--watch") as terminal:
        wait_for(lambda: len(set(episodes_in(terminal.read()))) >= 3)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(30) == 130
        wait_for(lambda: cursor_is_shown(terminal.read()))
        text = terminal.read()
    assert "Traceback" not in text
    assert HIDE in text


def test_sigterm_ends_watching_with_0(watched):
    with open_terminal(watched, "status", "--watch") as terminal:
        wait_for(lambda: episodes_in(terminal.read()))
        terminal.process.terminate()
        assert terminal.process.wait(30) == 0
        wait_for(lambda: cursor_is_shown(terminal.read()))


def test_logs_follow_the_trainer(watched):
    with watched.start("logs", "-f", "--tail", "2", "--format", "json", "trainer") as logs:
        wait_for(lambda: len(read_logged_episodes(logs)) > 20)
        numbers = read_logged_episodes(logs)
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert logs.end(signal.SIGINT).returncode == 130


def test_the_report_says_that_training_is_running(watched):
    watched("report", "first", "-o", "page.html")
    page = (watched.folder / "page.html").read_text()
    assert "Training is still running" in page


def test_watching_and_following_exit_with_0_when_training_ends(endless, watched):
    following = watched.start("logs", "-f", "--format", "json")
    with watched.start("status", "--watch") as status, following as logs:
        wait_for(lambda: len(read_logged_episodes(logs)) > 1)
        endless.up().end(signal.SIGTERM)
        assert status.end().returncode == 0
        assert logs.end().returncode == 0
        assert re.search(r"trainer +stopped", status.stdout.read_text())
        assert read_logged_episodes(logs)


@pytest.fixture
def over(qca) -> Program:
    """The program in a folder with a finished run that an older version launched."""
    write_run(qca.folder / "runs" / "first", map(record, range(1, 7)))
    launch = {"runtime": "local", "project": "qca", "run": "first", "runs": "runs"}
    (qca.folder / ".qca" / "first").mkdir(parents=True)
    (qca.folder / ".qca" / "first" / "launch.json").write_text(json.dumps(launch))
    return qca


def test_watching_a_finished_run_shows_it_once(over):
    text = over("status", "--watch").stdout
    assert len(re.findall(r"^episode +6 *$", text, re.M)) == 1
    assert "left" not in text


def test_values_that_an_older_version_did_not_record_are_unknown(over):
    found = json.loads(over("status", "--format", "json").stdout)
    assert found["last_episode"]["episode"] == 6
    assert found["memory"] == {
        "used_bytes": 300 * 2**20,
        "predicted_bytes": None,
        "budget_bytes": None,
    }
    assert (found["episodes"], found["eta_seconds"]) == (None, None)


def test_later_logs_are_followed_and_lines_are_shown_whole(over):
    state = over.folder / ".qca" / "first"
    (state / "logs").mkdir()
    with (state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as a running `qca up` does
        print(os.getpid(), file=lock, flush=True)
        with over.start("logs", "-f") as logs:
            begin(state / "logs" / "store.log", "ready\n", logs, "store  | ready")
            trainer = begin(state / "logs" / "trainer.log", "one\ntw", logs, "trainer  | one")
            with trainer.open("a") as log:
                log.write("o\n")
            wait_for(lambda: "two" in logs.stdout.read_text())
            begin(trainer, "new\n", logs, "trainer  | new")
            fcntl.flock(lock, fcntl.LOCK_UN)
            shown = logs.end().stdout.splitlines()
    assert shown == ["store  | ready", "trainer  | one", "trainer  | two", "trainer  | new"]


def begin(file: Path, text: str, logs: Running, shown: str) -> Path:
    """Rewrite a log, and wait until it is shown."""
    file.write_text(text)
    wait_for(lambda: shown in logs.stdout.read_text())
    return file


def read_logged_episodes(logs: Running) -> list[int]:
    """Return the episodes in the lines of `qca logs --format json`."""
    lines = map(json.loads, logs.stdout.read_text().splitlines())
    events = [line["event"] for line in lines if "event" in line]
    return [one["episode"] for one in events if one["event"] == "episode"]


def test_logs_are_sentences_or_json_objects(over):
    folder = over.folder / ".qca" / "first" / "logs"
    folder.mkdir()
    events = [record(7), Noted(message="a disk is slow"), Finished(reason="stopped", episodes=7)]
    lines = [*(one.model_dump_json() for one in events), "what a library wrote"]
    (folder / "trainer.log").write_text("\n".join(lines) + "\n")
    assert over("logs").stdout.splitlines() == [
        "trainer  | episode 7  loss 0.5714  10 steps/s  300 MiB",
        "trainer  | Note: a disk is slow.",
        "trainer  | Stopped after 7 episodes; the same command resumes from there.",
        "trainer  | what a library wrote",
    ]
    objects = [json.loads(line) for line in over("logs", "--format", "json").stdout.splitlines()]
    assert [one["event"] for one in objects[:3]] == [one.model_dump() for one in events]
    assert objects[3] == {"service": "trainer", "line": "what a library wrote"}


@pytest.mark.parametrize(("tail", "shown"), [(0, []), (2, ["2", "3"]), (5, ["1", "2", "3"])])
def test_the_tail_is_at_most_the_last_lines(over, tail, shown):
    folder = over.folder / ".qca" / "first" / "logs"
    folder.mkdir()
    (folder / "trainer.log").write_text("1\n2\n3\n")
    lines = over("logs", "--tail", tail).stdout.splitlines()
    assert lines == [f"trainer  | {line}" for line in shown]
