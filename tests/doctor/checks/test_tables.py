"""The tables are complete: each check has a passing, a failing and an unknown case."""

import pytest

from infra.doctor.check import Check
from infra.doctor.checks import CHECKS
from tests.doctor.checks import (
    test_compose,
    test_docker,
    test_dragonfly,
    test_engine_limits,
    test_files,
    test_gpu,
    test_host,
    test_image_cuda,
    test_live,
    test_python,
    test_security,
    test_taken_names,
)
from tests.support.verdicts import ERROR, INFO, OK, SKIPPED, WARNING

CASES = [
    case
    for module in (
        *(test_docker, test_compose, test_dragonfly, test_gpu, test_python, test_host),
        test_live,
    )
    for case in module.CASES
]
FILE_CASES = [*test_dragonfly.FILE_CASES, *test_host.FILE_CASES, *test_files.FILE_CASES]
FILE_CASES += test_security.FILE_CASES
# These checks never report a fault of the host, because the stack requires neither setting.
NEVER_A_FAULT = {"QCA303", "QCA304"}


@pytest.mark.parametrize(
    "check", [check for check in CHECKS if check.judge_host], ids=lambda check: check.id
)
def test_every_check_of_hosts_has_three_cases(check: Check):
    severities = {case.severity for case in CASES if case.check == check.id}

    assert SKIPPED in severities, "no host where it cannot see"
    assert OK in severities, "no host that is well"
    trips = severities & {INFO, WARNING, ERROR}
    assert bool(trips) != (check.id in NEVER_A_FAULT), "no host that trips it"


@pytest.mark.parametrize(
    "check", [check for check in CHECKS if check.judge_file], ids=lambda check: check.id
)
def test_every_check_of_files_has_three_cases(check: Check):
    """For the facts that a check needs, test_unknown_facts.py covers the unknown case."""
    severities = {case.severity for case in FILE_CASES if case.check == check.id}
    severities |= {case[2] for case in test_engine_limits.CASES if check.id == "QCA106"}
    severities |= {case[1] for case in test_files.ASKED if check.id == "QCA707"}
    severities |= {case[3] for case in test_image_cuda.CASES if check.id == "QCA407"}
    severities |= {case[2] for case in test_files.EXTERNALS if check.id == "QCA709"}
    severities |= {case[3] for case in test_taken_names.CASES if check.id == "QCA715"}

    assert OK in severities, "no file that is well"
    trips = {SKIPPED} if check.id == "QCA701" else {INFO, WARNING, ERROR}  # it reports unread files
    assert severities & trips, "no file that trips it"
    assert check.needs or SKIPPED in severities, "no file where it cannot see"
