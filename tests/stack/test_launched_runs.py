"""The runs launched from a folder, including one with a damaged record."""

import json

import pytest

from infra.stack.launched_runs import (
    choose_project,
    find_launched,
    list_launched,
    raise_errors,
)
from infra.stack.state import STATE_FOLDER
from qca.core.errors import InputError, LaunchError


@pytest.fixture(autouse=True)
def _inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def launch(run: str, project: str = "qca") -> None:
    document = {"runtime": "compose", "project": project, "run": run, "runs": "runs"}
    write(run, json.dumps(document))


def write(run: str, text: str) -> None:
    folder = STATE_FOLDER / run
    folder.mkdir(parents=True)
    (folder / "launch.json").write_text(text)


def test_a_damaged_record_leaves_the_others_readable():
    launch("a")
    write("b", "{")
    (STATE_FOLDER / "c").mkdir()
    found = list_launched()
    assert list(found.readable) == ["a"]
    assert list(found.damaged) == ["b"]
    assert find_launched("a").launch.run == "a"


def test_a_damaged_record_is_found_by_its_name_and_reported():
    launch("a")
    write("b", "{")
    with pytest.raises(InputError, match="several runs were launched from this folder: a, b"):
        find_launched(None)
    with pytest.raises(LaunchError, match=r"\.qca/b/launch\.json cannot be read"):
        find_launched("b")


def test_the_only_record_is_reported_if_it_is_damaged():
    write("b", "{")
    with pytest.raises(LaunchError, match=r"\.qca/b/launch\.json cannot be read"):
        find_launched(None)


@pytest.mark.parametrize(
    ("others", "project"),
    [([], "qca"), (["qca"], "qca-new"), (["other"], "qca"), ([None], "qca-new")],
    ids=["alone", "taken", "another is taken", "one is unknown"],
)
def test_a_run_gets_a_project_that_no_other_can_have(others, project):
    for number, other in enumerate(others):
        name = f"run{number}"
        launch(name, other) if other is not None else write(name, "{")
    assert choose_project("qca", "new", list_launched()) == project


def test_a_run_keeps_its_project_despite_damaged_records():
    launch("a")
    write("b", "{")
    assert choose_project("qca", "a", list_launched()) == "qca"


def test_several_errors_are_one_with_each_hint_once():
    errors = [LaunchError("a", hint="look"), LaunchError("b", hint="look")]
    with pytest.raises(LaunchError) as found:
        raise_errors(errors)
    assert (found.value.message, found.value.hint) == ("a\nb", "look")
    raise_errors([])
