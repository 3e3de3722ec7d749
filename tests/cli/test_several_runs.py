"""Launch, follow, list and stop several runs of one folder, without Docker."""

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import trainable_in
from tests.support.program import ENDLESS, Program, checkpoints, episodes, lower_priority
from tests.support.terminal import open_terminal
from tests.support.waiting import wait_for

UP = ("up", "--runtime", "local")
TESTS = Path(__file__).parents[1]
NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent"}


@pytest.fixture(scope="module")
def several(tmp_path_factory) -> Iterator[Program]:
    """The program in a folder where the runs a and b train in the background."""
    with trainable_in(tmp_path_factory.mktemp("several")) as program:
        try:
            for run in ("a", "b"):
                done = program(*UP, "--detach", "--run", run, *ENDLESS)
                assert f"`qca attach {run}` follows it" in done.stderr
            lower_priority(find_trainers(program.folder))
            yield program
        finally:
            program("down", "--all")


def find_trainers(folder: Path) -> Iterator[psutil.Process]:
    """Yield the trainers that run in this folder."""
    for process in psutil.process_iter(["cmdline", "cwd"]):
        if process.info["cwd"] == str(folder) and "train" in (process.info["cmdline"] or ()):
            yield process


def test_both_runs_train_and_each_has_its_status(several):
    for run in ("a", "b"):
        wait_for(lambda run=run: len(episodes(several, run)) > 2)
        assert json.loads(several("status", run, "--format", "json").stdout)["run"] == run
        assert f"Training `{run}`: " in several("logs", "trainer", "--run", run).stdout


def test_the_plan_of_a_third_run_reserves_their_memory(several):
    reasons = json.loads(several("plan", "--run", "c", "--format", "json").stdout)["reasons"]
    because = {one["for"]: one["because"] for one in reasons}
    assert "; run a uses " in because["trainer.budget_bytes"]
    assert "; run b uses " in because["trainer.budget_bytes"]


@pytest.mark.parametrize("words", ["status", "logs", "down", "attach"])
def test_without_a_name_the_runs_are_listed(several, words):
    done = several(words, check=2)
    assert "several runs were launched from this folder: a, b" in done.stderr


def test_a_training_run_is_not_launched_twice_or_removed(several):
    refused = several(*UP, "-d", "--run", "a", check=1).stderr
    assert "another `qca up`" in refused
    assert "`qca down a`" in refused
    for words in (("--yes",), ()):  # refused before the question
        assert "a trainer is using" in several("runs", "rm", "a", *words, check=1).stderr


def test_attach_follows_and_ctrl_c_detaches(several):
    with open_terminal(several, "attach", "a") as terminal:
        wait_for(lambda: "loss " in terminal.read())
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(30) == 0
        assert "Detached; training continues" in terminal.read()
        assert "`qca down a`" in " ".join(terminal.read().split())
    made = len(episodes(several, "a"))
    wait_for(lambda: len(episodes(several, "a")) > made)


def test_the_runs_are_listed_with_their_status(several):
    found = json.loads(several("runs", "--format", "json").stdout)
    assert found["schema_version"] == 1
    a, b = found["runs"]
    assert (a["name"], a["state"], a["device"], a["where"]) == ("a", "running", "cpu", "runs/a")
    assert b["episode"] > 0
    assert b["size_bytes"] > 1000
    assert "running" in several("runs").stdout


def test_one_run_is_stopped_and_the_other_continues(several):
    several("down", "b")
    assert checkpoints(several, "b")[-1] == episodes(several, "b")[-1]
    assert [path.name for path in (several.folder / ".qca").iterdir()] == ["a"]
    made = len(episodes(several, "a"))
    wait_for(lambda: len(episodes(several, "a")) > made)


def test_taking_all_runs_down_reports_each(qca):
    folder = qca.folder / ".qca" / "first"
    folder.mkdir(parents=True)
    launch = {"runtime": "local", "project": "qca", "run": "first", "runs": "runs"}
    (folder / "launch.json").write_text(json.dumps(launch))
    done = qca("down", "--all")
    assert "first is not running. It is kept." in done.stderr
    assert "nothing was launched" not in done.stderr.lower()
    assert not folder.exists()


def test_a_launch_in_the_background_that_fails_says_why(trainable):
    (trainable.folder / "runs").touch()
    assert "Not a directory" in trainable(*UP, "-d", check=1).stderr
    trainable("down")
    assert not (trainable.folder / ".qca").exists()


def test_a_run_is_removed_only_after_confirmation(qca):
    shutil.copytree(TESTS / "data" / "run-0.1.0", qca.folder / "runs")
    assert "--yes" in qca("runs", "rm", "stopped", check=2).stderr
    qca("runs", "rm", "stopped", "--yes")
    assert not (qca.folder / "runs" / "stopped").exists()
    assert "no run '../runs'" in qca("runs", "rm", "../runs", "--yes", check=2).stderr
    names = [one["name"] for one in json.loads(qca("runs", "--format", "json").stdout)["runs"]]
    assert names == ["finished", "skipped"]


@pytest.fixture
def kept_in_volume(qca: Program) -> Program:
    """The program in a folder whose run `far` was taken down and is kept in a volume."""
    (qca.folder / ".qca").mkdir()
    launch = {"runtime": "compose", "project": "qca", "run": "far", "runs": "runs"}
    record = [{**launch, "episodes": 9, "device": "cuda", "volume": "qca_runs"}]
    (qca.folder / ".qca" / "kept-runs.json").write_text(json.dumps(record))
    return qca


def test_a_run_in_a_volume_is_listed_if_no_engine_answers(kept_in_volume):
    [listed] = json.loads(kept_in_volume("runs", "--format", "json", **NO_ENGINE).stdout)["runs"]
    assert (listed["name"], listed["state"]) == ("far", "in a volume")
    assert (listed["where"], listed["episodes"]) == ("volume qca_runs", 9)


def test_a_run_in_a_volume_is_not_removed_alone(kept_in_volume):
    message = kept_in_volume("runs", "rm", "far", "--yes", check=2, **NO_ENGINE).stderr
    assert "'far' is in the volume qca_runs, not in runs" in message
    assert "qca down --volumes --project qca" in message


def test_a_damaged_record_of_kept_runs_hides_no_other_run(kept_in_volume):
    shutil.copytree(TESTS / "data" / "run-0.1.0", kept_in_volume.folder / "runs")
    (kept_in_volume.folder / ".qca" / "kept-runs.json").write_text("{")
    done = kept_in_volume("runs", "--format", "json", check=1)
    names = [one["name"] for one in json.loads(done.stdout)["runs"]]
    assert names == ["finished", "skipped", "stopped"]
    assert "kept-runs.json cannot be read" in done.stderr


def test_a_link_to_a_run_is_not_removed(qca):
    shutil.copytree(TESTS / "data" / "run-0.1.0", qca.folder / "elsewhere")
    (qca.folder / "runs").mkdir()
    (qca.folder / "runs" / "linked").symlink_to("../elsewhere/stopped")
    assert "a symbolic link to" in qca("runs", "rm", "linked", "--yes", check=2).stderr
    assert (qca.folder / "runs" / "linked" / "config.json").is_file()


@pytest.mark.parametrize("run", [".", "..", "../other", "/tmp"])
def test_only_a_run_is_fetched(qca, run):
    assert "--run: " in qca("fetch", run, check=2).stderr


def test_a_link_to_itself_in_place_of_the_runs_is_refused_with_a_message(qca):
    (qca.folder / "runs").symlink_to("runs")
    assert "a symbolic link to" in qca("fetch", "first", check=2).stderr


def test_an_unreadable_run_is_listed_as_unreadable(qca):
    folder = qca.folder / "runs" / "broken"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{")
    [found] = json.loads(qca("runs", "--format", "json").stdout)["runs"]
    assert (found["state"], found["loss"]) == ("unreadable", None)
