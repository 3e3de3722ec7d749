"""The error counts on each check's page are reproducible."""

import json
import tomllib

import pytest

from infra.doctor.accuracy import COUNTS, DISAGREEMENTS, describe_accuracy
from infra.doctor.checks import CHECKS
from tests.support.accuracy import count_flags, count_libraries, count_runs, tally
from tests.support.dragonfly_outcomes import TABLE

WRITTEN = json.loads(COUNTS.read_text())
IDS = [check.id for check in CHECKS]


@pytest.mark.parametrize(
    ("corpus", "count"),
    [
        ("compose-v1", count_libraries),
        ("dragonfly-runs", lambda: count_runs(TABLE, "in this repository")),
    ],
)
def test_the_counts_of_the_repository_are_up_to_date(corpus, count):
    description, outcomes = count()

    written = {
        check_id: counts[corpus]
        for check_id, counts in WRITTEN["checks"].items()
        if corpus in counts
    }
    command = "python -m tests.support.accuracy"
    assert (description, tally(outcomes)) == (WRITTEN["corpora"][corpus], written), command


def test_only_existing_checks_have_counts_and_disagreements():
    disagreements = tomllib.loads(DISAGREEMENTS.read_text())

    assert set(WRITTEN["checks"]) | set(disagreements) <= set(IDS)
    assert {name for counts in WRITTEN["checks"].values() for name in counts} == set(
        WRITTEN["corpora"]
    )


def test_wrong_verdicts_are_counted_and_undecided_ones_are_not():
    outcomes = [("QCA1", True), ("QCA1", False), ("QCA1", None), ("QCA2", True)]

    assert tally(outcomes) == {
        "QCA1": {"judged": 2, "unknown": 1, "wrong": 1},
        "QCA2": {"judged": 1, "unknown": 0, "wrong": 0},
    }


def test_a_check_without_a_corpus_says_so():
    assert "is unknown" in describe_accuracy("QCA805")
    assert "No disagreement is recorded" in describe_accuracy("QCA805")


def test_a_check_names_its_comparisons_and_its_last_error():
    text = describe_accuracy("QCA301")

    assert "74 runs of Dragonfly v1.40.0" in text
    assert "74 verdicts, 0 of them wrong, and left 0 cases undecided" in text
    assert "Last disagreement: " in text


def test_a_contradicting_flag_table_is_counted_as_wrong(tmp_path):
    path = tmp_path / "flags.csv"
    path.write_text(
        "flag,type,first_release,retired_from,absent_from,absent_between\n"
        "maxmemory,size,v1.0.0,,,\nhz,uint32,v1.0.0,,v1.30.0,\n"
    )

    assert tally(count_flags(path)[1]) == {"QCA704": {"judged": 4, "unknown": 0, "wrong": 1}}
