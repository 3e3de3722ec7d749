"""The runner reports unknown facts and failed checks, and never hides them."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from infra.compose_file.model import ComposeFile
from infra.doctor.blocking import select_blocking, select_check_failures
from infra.doctor.check import Check
from infra.doctor.checks import CHECKS
from infra.doctor.examine import examine
from infra.doctor.finding import Finding, Location, Severity, Verdict, locate, ok
from infra.doctor.runner import run_checks
from infra.doctor.subjects import FileSubject, HostSubject
from infra.host.recording import record
from infra.stack.plan import plan_stack
from qca.cli import cli
from qca.cli.doctor import doctor as doctor_command
from tests.support.hosts import compose_file, config, host

COMPOSE = "services:\n  db:\n    image: postgres:17\n"
HOST = host()
FORMATS = [
    choice
    for option in doctor_command.params
    if option.name == "format_" and isinstance(option.type, click.Choice)
    for choice in option.type.choices
]


def _check(**changes: Any) -> Check:
    values: dict[str, Any] = {
        "id": "QCA301",
        "category": "dragonfly",
        "title": "Its title",
        "needs": (),
        "looks_at": "this",
        "why": "that",
        "fix": "thus",
        "url": "https://example.org",
    }
    return Check(**{**values, **changes})


def _raise(_: object) -> Verdict:
    raise ZeroDivisionError("by design")


def _raise_later(_: object) -> Iterator[Verdict]:
    yield ok("fine so far")
    raise ZeroDivisionError("by design")


def _run(check: Check, *files: ComposeFile, **facts: str) -> list[Finding]:
    seen = host(**facts)
    subject = HostSubject(seen, plan_stack(seen, config()), config(), needs_containers=False)
    return run_checks([check], subject, [FileSubject(file, seen) for file in files])


@pytest.fixture
def file(tmp_path: Path) -> ComposeFile:
    return compose_file(tmp_path, COMPOSE)


def test_a_check_without_a_judge_is_refused():
    with pytest.raises(ValueError, match="judges neither"):
        _check()


def test_the_host_is_checked_before_the_files(file):
    check = _check(judge_host=lambda _: ok("host"), judge_file=lambda _: [ok("file")])

    assert [finding.message for finding in _run(check, file, file)] == ["host", "file", "file"]


def test_a_verdict_on_a_file_has_its_line_or_the_first(file):
    check = _check(judge_file=lambda s: [ok("a"), locate(ok("b"), s.file, s.file.services[0])])

    places = [finding.location for finding in _run(check, file)]

    assert places == [Location(file.path, 1), Location(file.path, 2, (3, 6))]


def test_an_unknown_fact_is_reported_once_per_host_and_file(file):
    check = _check(needs=("gpu",), judge_host=_raise, judge_file=_raise)

    findings = _run(check, file, file, gpu="NVML hung")

    top = Location(file.path, 1)
    assert [finding.location for finding in findings] == [None, top, top]
    assert {finding.severity for finding in findings} == {Severity.SKIPPED}
    assert {finding.message for finding in findings} == {"Cannot check. gpu: NVML hung"}


@pytest.mark.parametrize("judge", [_raise, _raise_later])
def test_a_check_that_raises_is_an_error_and_hides_no_other_finding(file, judge):
    broken = _check(judge_host=judge, judge_file=lambda _: ok("file"))

    failure, other = _run(broken, file)

    assert failure.id == "QCA301"
    assert failure.severity is Severity.ERROR
    assert failure.is_check_failure
    assert failure.message.startswith("This check failed, which is a defect in qca: ZeroDivision")
    assert failure.summary == failure.message
    assert other.severity is Severity.OK


def test_a_failure_on_a_file_names_the_file(file):
    (failure,) = _run(_check(judge_file=_raise), file)

    assert failure.location == Location(file.path, 1)


def test_a_failure_on_a_nearby_file_stays_an_error(file):
    checks = [_check(judge_file=_raise)]

    (failure,) = examine(HOST, config(), nearby=file, checks=checks)

    assert failure.severity is Severity.ERROR


def test_a_check_that_fails_does_not_block_qca_up_and_is_shown():
    failed = _check(judge_host=_raise)
    findings = examine(HOST, config({"runtime": "compose"}), checks=[failed])

    assert select_blocking(findings) == []
    assert select_check_failures(findings) == findings


@pytest.fixture
def doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return a function that runs `qca doctor` with the judge functions of QCA301 replaced."""
    (tmp_path / "compose.yml").write_text(COMPOSE)
    (tmp_path / "host.json").write_text(record(HOST))
    monkeypatch.chdir(tmp_path)

    def call(*words: str, **judges: Callable[[Any], Verdict]) -> Result:
        broken = {"judge_host": None, "judge_file": None, **judges}
        checks = [replace(one, **broken) if one.id == "QCA301" else one for one in CHECKS]
        monkeypatch.setattr("infra.doctor.examine.CHECKS", tuple(checks))
        return CliRunner().invoke(cli, ["doctor", "--facts", "host.json", *words])

    return call


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("judge", ["judge_host", "judge_file"])
@pytest.mark.parametrize(
    "words",
    [
        ("-f", "compose.yml"),
        ("--files-only", "compose.yml"),
        ("--files-only", "--ignore", "QCA302", "compose.yml"),
        ("--files-only", "--only", "QCA301", "compose.yml"),
    ],
)
def test_no_option_and_no_format_hides_a_check_that_fails(doctor, words, judge, format_):
    done = doctor(*words, "--format", format_, **{judge: _raise})

    assert done.exit_code == 1
    text = " ".join(done.output.split())
    assert "QCA301" in text
    assert "This check failed, which is a defect in qca" in text.replace("%2C", ",")


def test_the_json_of_a_check_that_fails_has_the_keys_of_every_finding(doctor):
    done = doctor("--format", "json", judge_host=_raise)

    findings = json.loads(done.stdout)["findings"]
    (failure,) = [finding for finding in findings if finding["id"] == "QCA301"]
    assert failure["severity"] == "error"
    assert {frozenset(finding) for finding in findings} == {frozenset(failure)}
