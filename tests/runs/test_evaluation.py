"""An evaluation survives the round trip, including unknown values."""

import json
import os

import pytest

from qca.core.errors import InputError
from qca.runs.evaluation import (
    Evaluation,
    Statistic,
    Trial,
    build_document,
    read_evaluation,
    write_evaluation,
)

NAN = float("nan")
VALUES = {"loss": Statistic(2.0, 0.5), "activity": Statistic(None, None)}
EVALUATION = Evaluation(
    "first",
    6,
    "evolutionary",
    8,
    0,
    [
        Trial("first", "as trained", 5, 8, VALUES, Statistic(-1.5, 0.1)),
        Trial("untrained", "as trained", 5, 8, VALUES),
        Trial("first", "4x the grid", 5, 32, VALUES, Statistic(-0.1, 0.1)),
    ],
)


def test_an_evaluation_survives_the_round_trip(tmp_path):
    write_evaluation(tmp_path / "evaluation.json", EVALUATION)
    assert read_evaluation(tmp_path / "evaluation.json") == EVALUATION
    assert read_evaluation(tmp_path / "none.json") is None


def test_a_mean_has_its_standard_error():
    found = Statistic.from_values([1, 2, 3])
    assert (found.mean, found.standard_error) == (2, pytest.approx(3**-0.5))
    assert Statistic.from_values([1, NAN]) == Statistic(None, None)


@pytest.mark.parametrize(
    ("statistic", "clear"),
    [
        (Statistic(1.0, 0.4), True),
        (Statistic(-1.0, 0.4), True),
        (Statistic(1.0, 0.6), False),
        (Statistic(None, None), False),
    ],
)
def test_a_difference_is_clear_beyond_two_standard_errors(statistic, clear):
    assert statistic.is_clear() is clear


def test_trials_are_selected_by_their_condition():
    assert EVALUATION.list_conditions() == ["as trained", "4x the grid"]
    assert [trial.automaton for trial in EVALUATION.select("as trained")] == ["first", "untrained"]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "[" * 9999, json.dumps({**build_document(EVALUATION), "schema_version": 2})],
    ids=["empty", "list", "no keys", "deep", "version 2"],
)
def test_a_file_that_is_not_an_evaluation_is_refused(tmp_path, text):
    (tmp_path / "evaluation.json").write_text(text)
    with pytest.raises(InputError, match="not an evaluation"):
        read_evaluation(tmp_path / "evaluation.json")


@pytest.mark.timeout(20)
def test_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "evaluation.json")
    with pytest.raises(InputError, match="a named pipe, not a plain file"):
        read_evaluation(tmp_path / "evaluation.json")
