"""Runs that are not launched: after `qca down`, and before `qca up`."""

import fcntl
import json
import shutil
import time
from pathlib import Path

import pytest

from infra.stack.launch_record import Launch
from infra.stack.launched_runs import Launched
from infra.stack.state import STATE_FOLDER, StateFolder
from infra.stack.state_lock import state_lock
from qca.cli import attach
from tests.support.run_folders import finish_event, record, skip_event, start_event, write_run

DATA = Path(__file__).parents[1] / "data" / "run-0.1.0"


@pytest.fixture
def finished_run(qca):
    """The program in a folder with one finished run."""
    shutil.copytree(DATA / "finished", qca.folder / "runs" / "first")
    return qca


@pytest.mark.parametrize("words", [(), ("first",), ("--watch",)])
def test_status_shows_a_run_that_is_kept(finished_run, words):
    done = finished_run("status", *words)
    assert "run first, complete" in done.stdout
    assert "episode  6 of 6" in done.stdout
    assert "qca report first" in done.stderr


def test_the_runtime_of_a_kept_run_is_null_in_json(finished_run):
    document = json.loads(finished_run("status", "--format", "json").stdout)
    assert (document["run"], document["runtime"], document["services"]) == ("first", None, [])
    assert document["last_episode"]["episode"] == document["episodes"] == 6


def test_an_unfinished_run_can_be_resumed(finished_run):
    shutil.copytree(finished_run.folder / "runs" / "first", finished_run.folder / "runs" / "second")
    config = finished_run.folder / "runs" / "second" / "config.json"
    config.write_text(config.read_text().replace('"episodes": 6', '"episodes": 9'))
    assert "`qca up --run second` resumes it" in finished_run("status", "second").stderr
    assert "nothing was launched" in finished_run("status", check=1).stderr  # which of the two?


def test_a_skipped_last_episode_completes_the_run(qca):
    events = [start_event(), skip_event(6), finish_event(6)]
    write_run(qca.folder / "runs" / "first", map(record, range(1, 6)), events=events)
    done = qca("status")
    assert "run first, complete" in done.stdout
    assert "qca report first" in done.stderr


def test_watching_follows_a_trainer_that_nothing_launched(qca):
    folder = write_run(qca.folder / "runs" / "first", [record(1)])
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with qca.start("status", "--watch") as status:
            time.sleep(1)  # it would have exited by now
            assert status.process.poll() is None
            write_run(folder, map(record, range(1, 4)))
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert "episode  3 of 6" in status.end().stdout


@pytest.mark.parametrize("words", [("first",), ()])
def test_an_unreadable_record_does_not_count_as_missing(finished_run, words):
    state = finished_run.folder / ".qca" / "first"
    state.mkdir(parents=True)
    (state / "launch.json").write_text("{")
    assert "launch.json cannot be read" in finished_run("status", *words, check=1).stderr


def test_a_state_folder_without_a_record_hides_no_run(finished_run):
    (finished_run.folder / ".qca" / "first").mkdir(parents=True)
    assert "run first, complete" in finished_run("status").stdout


def test_the_error_for_a_missing_run_names_the_command_to_start_one(qca):
    assert "`qca up` starts one" in qca("report", "first", check=2).stderr


@pytest.mark.parametrize("name", ["second", "..", "/etc"])
def test_an_unknown_run_is_an_input_error(finished_run, name):
    assert f"no run {name!r} in this folder" in finished_run("status", name, check=2).stderr


@pytest.mark.parametrize(
    "words", [("status",), ("status", "first"), ("attach", "first"), ("logs",)]
)
def test_status_says_that_up_is_preparing_a_launch(finished_run, monkeypatch, words):
    monkeypatch.chdir(finished_run.folder)
    with state_lock(StateFolder(STATE_FOLDER / "first")):
        done = finished_run(*words, check=1)
    assert "`qca up` is still preparing the run first" in done.stderr


@pytest.mark.parametrize("ends", [False, True], ids=["starts", "fails"])
def test_attach_waits_for_the_container_while_up_prepares_it(monkeypatch, ends):
    launch = Launch(runtime="compose", project="qca", run="first", runs="runs")
    launched = Launched(launch, StateFolder(STATE_FOLDER / "first"))
    found = iter([{}, {"store": None}, {} if ends else {"trainer": None}])
    held = iter([True, True, not ends])
    monkeypatch.setattr("infra.stack.containers.list_containers", lambda _: next(found))
    monkeypatch.setattr(attach, "is_held", lambda _: next(held))
    monkeypatch.setattr(attach.time, "sleep", lambda _: None)
    attach._wait_for_trainer(launched)
    assert next(found, None) is None
