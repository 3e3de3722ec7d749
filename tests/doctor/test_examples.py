"""The examples on the checks' pages and in `qca explain` get exactly the reports that they show."""

import pytest

from infra.doctor.checks import CHECKS
from infra.doctor.examples import EXAMPLES, Example, list_examples
from infra.doctor.finding import Severity
from tests.support.examples import format_report, judge_example

CASES = [
    pytest.param(check.id, example, id=f"{check.id}-{heading.split()[-1]}")
    for check in CHECKS
    for heading, example in list_examples(check.id)
]
BAD, GOOD = CASES[::2], CASES[1::2]


def test_each_check_has_examples_and_each_file_a_check():
    assert {path.stem for path in EXAMPLES.iterdir()} == {check.id for check in CHECKS}


@pytest.mark.parametrize(("check_id", "example"), CASES)
def test_the_report_is_up_to_date(check_id: str, example: Example):
    report = format_report(judge_example(check_id, example))

    assert example.report == report, "out of date; run: python -m tests.support.examples"


@pytest.mark.parametrize(("check_id", "example"), BAD)
def test_the_bad_example_is_reported(check_id: str, example: Example):
    assert example.report.split()[:2] == [example.report.split()[0], check_id]


@pytest.mark.parametrize(("check_id", "example"), GOOD)
def test_the_good_example_passes(check_id: str, example: Example):
    findings = judge_example(check_id, example)

    assert [one for one in findings if one.severity is not Severity.OK] == []
