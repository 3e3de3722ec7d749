"""`up` refuses a run in a named volume, where 0.1.0 kept it; it is copied here and resumed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.stack import Stack

RUNS = Path(__file__).parents[1] / "data" / "run-0.1.0"


@pytest.fixture
def fill_volume(stack: Stack) -> Callable[[Path], None]:
    """A function that puts a run folder into the project's volume."""
    volume = f"{stack.project}_runs"
    label = f"com.docker.compose.project={stack.project}"

    def fill(folder: Path) -> None:
        tiny = stack.engine.images.tiny
        stack.engine.run("volume", "create", "--label", label, volume)
        container = stack.engine.run("create", "-v", f"{volume}:/runs", tiny).stdout.strip()
        stack.engine.run("cp", f"{folder}/.", f"{container}:/runs/first")
        stack.engine.run("rm", container)

    return fill


def test_a_run_in_a_volume_is_copied_and_copied_again_after_more_training(
    stack, fill_volume, tmp_path
):
    older = shutil.copytree(RUNS / "finished", tmp_path / "older")
    journal = older / "events.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:-1]))
    fill_volume(older)
    done = stack.up(check=1)
    assert "where version 0.1.0 kept it" in done.stderr
    assert "qca fetch first" in done.stderr

    here = stack.folder / "runs" / "first"
    stack.qca("fetch", "first")
    assert (here / "events.jsonl").read_text() == journal.read_text()
    fill_volume(RUNS / "finished")
    assert "runs/first" in stack.qca("fetch", "first").stderr
    assert (here / "events.jsonl").read_text() == (RUNS / "finished/events.jsonl").read_text()
    assert stack.metrics() == [1, 2, 3, 4, 5, 6]
    assert not stack.list_leftovers()["containers"]
    stack.qca("report", "first")


def test_a_run_outside_volumes_is_here_or_unknown(stack):
    shutil.copytree(RUNS / "finished", stack.folder / "runs" / "first")
    assert "is already here" in stack.qca("fetch", "first").stderr
    assert "no run 'second'" in stack.qca("fetch", "second", check=2).stderr


def test_a_run_that_was_taken_down_is_listed_until_its_volume_is_removed(stack):
    volume = f"{stack.project}_runs"
    labels = [f"com.docker.compose.project={stack.project}", "com.docker.compose.volume=runs"]
    stack.engine.run("volume", "create", *(f"--label={one}" for one in labels), volume)
    record = {"runtime": "compose", "project": stack.project, "run": "first", "runs": "runs"}
    (stack.folder / ".qca").mkdir()
    kept = [{**record, "volume": volume}, {**record, "run": "far", "volume": "qca-test-none_runs"}]
    (stack.folder / ".qca" / "kept-runs.json").write_text(json.dumps(kept))

    assert list_states(stack) == {"first": "in a volume", "far": "not on this engine"}
    stack.qca("down", "--volumes")
    assert list_states(stack) == {"far": "not on this engine"}


def list_states(stack: Stack) -> dict[str, str]:
    listed = json.loads(stack.qca("runs", "--format", "json").stdout)["runs"]
    return {one["name"]: one["state"] for one in listed}
