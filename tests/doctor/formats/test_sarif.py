"""The report for code scanning: valid SARIF 2.1.0 that GitHub accepts."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from infra.compose_file.line_edits import Edit
from infra.doctor.checks import CHECKS
from infra.doctor.examine import examine
from infra.doctor.finding import Finding, Location, Remedy, Severity
from infra.doctor.formats.sarif import render_sarif
from infra.host.recording import load, record
from qca.cli import cli
from tests.support.hosts import compose_file, config, engine, host
from tests.support.pages import ROOT

SCHEMA = json.loads((Path(__file__).parent / "data" / "sarif-schema-2.1.0.json").read_text())
FILE = (
    "services:\n  cache:\n    image: dragonflydb/dragonfly\n"
    '    command: ["--maxmemory=2G", "--proactor_threads=16"]\n    mem_limit: 3g\n'
)
FINDING = Finding(
    "QCA301", "dragonfly", Severity.ERROR, "A title", "It is wrong.\nFix it.", {}, (), "u", None
)


def _render(*findings: Finding, root: str = "/repository") -> dict[str, Any]:
    log = json.loads(render_sarif(findings, checks=CHECKS, root=Path(root), version="1.2.3"))
    jsonschema.Draft4Validator(SCHEMA).validate(log)
    (run,) = log["runs"]
    return run


def _render_one(finding: Finding, root: str = "/repository") -> dict[str, Any]:
    (result,) = _render(finding, root=root)["results"]
    return result


@pytest.mark.parametrize("recorded", sorted((ROOT / "tests" / "hosts").glob("*.json")), ids=str)
def test_the_report_of_every_recorded_host_is_valid(recorded, tmp_path):
    findings = examine(load(recorded), config(), files=[compose_file(tmp_path, FILE)])

    run = _render(*findings)

    assert len(run["results"]) == sum(one.severity is not Severity.OK for one in findings)


def test_each_check_is_a_rule_that_github_can_show():
    rules = _render()["tool"]["driver"]["rules"]

    assert [rule["id"] for rule in rules] == [check.id for check in CHECKS]
    for rule, check in zip(rules, CHECKS, strict=True):
        assert 0 < len(rule["shortDescription"]["text"]) <= 1024
        assert 0 < len(rule["fullDescription"]["text"]) <= 1024
        assert check.fix in rule["help"]["text"]
        assert check.fix in rule["help"]["markdown"]
        assert rule["helpUri"].startswith("https://")


def test_a_result_names_its_rule_by_id_and_by_index():
    run = _render(FINDING)

    (result,) = run["results"]
    assert result["ruleId"] == "QCA301"
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "QCA301"
    assert result["message"]["text"] == "It is wrong.\nFix it."


@pytest.mark.parametrize(
    ("severity", "kind", "level"),
    [
        (Severity.ERROR, "fail", "error"),
        (Severity.WARNING, "fail", "warning"),
        (Severity.INFO, "fail", "note"),
        (Severity.SKIPPED, "open", "none"),
    ],
)
def test_a_severity_is_a_kind_and_a_level(severity, kind, level):
    result = _render_one(replace(FINDING, severity=severity))

    assert (result["kind"], result["level"]) == (kind, level)


def test_ok_findings_are_omitted():
    assert _render(replace(FINDING, severity=Severity.OK))["results"] == []


@pytest.mark.parametrize(("is_failure", "is_success"), [(True, False), (False, True)])
def test_a_check_that_fails_makes_the_run_unsuccessful(is_failure, is_success):
    run = _render(replace(FINDING, is_check_failure=is_failure))

    assert run["invocations"] == [{"executionSuccessful": is_success}]


@pytest.mark.parametrize(
    ("file", "address"),
    [
        ("compose.yaml", {"uri": "compose.yaml", "uriBaseId": "%SRCROOT%"}),
        ("./a/../b c%.yml", {"uri": "b%20c%25.yml", "uriBaseId": "%SRCROOT%"}),
        ("/repository/a/b.yml", {"uri": "a/b.yml", "uriBaseId": "%SRCROOT%"}),
        ("../other/b.yml", {"uri": "file:///other/b.yml"}),
        ("/repository2/ü.yml", {"uri": "file:///repository2/%C3%BC.yml"}),
        ("\udcff.yml", {"uri": "%FF.yml", "uriBaseId": "%SRCROOT%"}),
    ],
)
def test_a_file_is_addressed_from_the_root(file, address):
    result = _render_one(replace(FINDING, location=Location(file, 3)))

    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == address


def test_a_finding_about_the_host_has_no_location():
    assert "locations" not in _render_one(FINDING)


@pytest.mark.parametrize(
    ("id_", "text"),
    [("QCA301", '"--proactor_threads=16"'), ("QCA302", "mem_limit: 1g"), ("QCA303", "cache:")],
)
def test_a_region_is_the_word_or_the_whole_line(tmp_path, id_, text):
    file = compose_file(tmp_path, FILE.replace("3g", "1g"))
    findings = examine(host(docker=engine(cpus=16)), config(), files=[file])

    result = next(one for one in _render(*findings)["results"] if one["ruleId"] == id_)

    region = result["locations"][0]["physicalLocation"]["region"]
    line = Path(file.path).read_text().splitlines()[region["startLine"] - 1]
    assert region["startLine"] == region["endLine"]
    assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == text


def test_the_log_contains_no_control_characters():
    result = _render_one(replace(FINDING, message="\x1b]0;title\x07"))

    assert result["message"]["text"] == "\\x1b]0;title\\x07"


def _fingerprint(finding: Finding) -> str:
    return _render_one(finding)["partialFingerprints"]["primaryLocationLineHash"]


def test_a_fingerprint_does_not_depend_on_lines_and_messages():
    located = replace(FINDING, location=Location("a.yml", 3), evidence={"service": "cache"})

    assert _fingerprint(located) == _fingerprint(
        replace(located, message="Other words.", location=Location("./a.yml", 9, (1, 2)))
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "QCA302"},
        {"location": Location("b.yml", 3)},
        {"evidence": {"service": "other"}},
        {"evidence": {"service": "cache", "flag": "dir"}},
    ],
)
def test_a_fingerprint_depends_on_the_subject_of_the_finding(changes):
    located = replace(FINDING, location=Location("a.yml", 3), evidence={"service": "cache"})

    assert _fingerprint(located) != _fingerprint(replace(located, **changes))


def test_findings_about_the_same_subject_have_different_fingerprints():
    first, second = _render(FINDING, FINDING)["results"]

    assert first["partialFingerprints"] != second["partialFingerprints"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  command: --a=16 --b", ("  command: --a=8 --b",)),
        ("  - --a=16", ("  - --a=16", "  - --b=2")),
        ("  mem_limit: 3g", ("",)),
        ("aaa", ("aa",)),
        ("  a: é𝄞 1", ("  a: é𝄞 2",)),
    ],
)
def test_a_fix_gives_the_same_line_as_the_edit(old, new):
    remedy = Remedy("Write it", edits=(Edit("a.yml", 3, old, new),))

    (fix,) = _render_one(replace(FINDING, remedies=(remedy,)))["fixes"]

    (change,) = fix["artifactChanges"]
    (one,) = change["replacements"]
    region = one["deletedRegion"]
    kept = old[: region["startColumn"] - 1], old[region["endColumn"] - 1 :]
    assert kept[0] + one["insertedContent"]["text"] + kept[1] == "\n".join(new)
    assert change["artifactLocation"]["uri"] == "a.yml"
    assert fix["description"] == {"text": "Write it"}


@pytest.mark.parametrize(
    "remedy",
    [
        Remedy("Only commands", commands=("true",)),
        Remedy("A secret", edits=(Edit("a.yml", 1, "", ("--requirepass=s3same-x",)),)),
    ],
)
def test_no_fix_without_an_edit_and_none_that_shows_a_secret(remedy):
    assert "fixes" not in _render_one(replace(FINDING, remedies=(remedy,)))


def test_the_words_around_a_change_are_not_in_the_log():
    edit = Edit("a.yml", 1, "--requirepass=s3same-x --a=16", ("--requirepass=s3same-x --a=8",))

    log = _render(replace(FINDING, remedies=(Remedy("Write it", edits=(edit,)),)))

    assert "s3same" not in json.dumps(log)


def test_the_command_line_names_files_relative_to_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "compose.yaml").write_text(FILE)
    (tmp_path / "host.json").write_text(record(host(docker=engine(cpus=16))))
    words = ["doctor", "--facts", "host.json", "--files-only", "compose.yaml", "--only", "QCA301"]

    done = CliRunner().invoke(cli, [*words, "--format", "sarif"])

    log = json.loads(done.stdout)
    jsonschema.Draft4Validator(SCHEMA).validate(log)
    (result,) = log["runs"][0]["results"]
    (location,) = result["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "compose.yaml"
    assert result["fixes"]
    assert done.exit_code == 1
