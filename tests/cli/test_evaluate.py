"""`qca evaluate`: the tables, the JSON and the file in the run folder."""

import json

import pytest

from tests.support.automata import write_trained_run


@pytest.fixture
def trained(qca):
    """The program in a folder with two runs."""
    write_trained_run(qca.folder / "runs" / "first")
    write_trained_run(qca.folder / "runs" / "second", gamma=0.3)
    return qca


def test_the_tables_compare_the_automata(trained):
    done = trained("evaluate", "first", "--against", "second", "--states", 2, "--beyond", 2)
    lines = done.stdout.splitlines()
    assert "as trained: 5 steps, 8x8 cells, 2 states" in lines
    assert "2x the grid: 5 steps, 16x16 cells, 2 states" in lines
    [header, *_] = [line.split() for line in lines if "untrained" in line]
    assert header == ["first", "second", "untrained"]
    assert sum(line.startswith("second: ") for line in lines) == 3
    assert (trained.folder / "runs" / "first" / "evaluation.json").exists()
    assert not (trained.folder / "runs" / "second" / "evaluation.json").exists()


def test_runs_with_the_same_name_are_distinguished(trained):
    other = trained.folder / "elsewhere" / "first"
    write_trained_run(other, gamma=0.3)
    words = ("evaluate", "first", "--states", 2, "--beyond", 1, "--format", "json", "--against")
    trials = json.loads(trained(*words, other).stdout)["trials"]
    assert [trial["automaton"] for trial in trials] == ["first", str(other), "untrained"]
    assert "named more than once: first" in trained(*words, "first", check=2).stderr


def test_json_is_one_document_equal_to_the_saved_one(trained):
    done = trained("evaluate", "first", "--states", 2, "--beyond", 1, "--format", "json")
    document = json.loads(done.stdout)
    assert document["schema_version"] == 1
    assert [trial["automaton"] for trial in document["trials"]] == ["first", "untrained"]
    file = trained.folder / "runs" / "first" / "evaluation.json"
    assert json.loads(file.read_text()) == document


def test_the_report_is_the_next_step(trained):
    done = trained("evaluate", "first", "--states", 2, "--beyond", 1)
    assert "Wrote runs/first/evaluation.json.\nReport on it: qca report first\n" in done.stderr


def test_results_that_cannot_be_saved_are_printed(trained):
    (trained.folder / "runs" / "first" / "evaluation.json").mkdir()
    words = ("evaluate", "first", "--states", 2, "--beyond", 1)
    done = trained(*words, check=1)
    assert "as trained: 5 steps, 8x8 cells, 2 states" in done.stdout
    assert "cannot write runs/first/evaluation.json: a folder" in done.stderr
    assert json.loads(trained(*words, "--format", "json", check=1).stdout)["states"] == 2


def test_invalid_requests_are_refused_with_a_message(trained):
    assert "2<=x" in trained("evaluate", "first", "--states", 1, check=2).stderr
    assert "no run 'third'" in trained("evaluate", "first", "--against", "third", check=2).stderr
    assert not (trained.folder / "runs" / "first" / "evaluation.json").exists()
