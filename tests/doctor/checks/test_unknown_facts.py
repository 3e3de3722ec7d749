"""A check without a fact that it needs is skipped: every check, and every fact that it needs."""

from dataclasses import asdict
from pathlib import Path

import pytest

from infra.doctor.check import Check
from infra.doctor.checks import CHECKS
from infra.doctor.finding import Finding, Severity
from infra.doctor.runner import run_checks
from infra.doctor.subjects import FileSubject, HostSubject
from infra.host.facts import Engine
from infra.stack.plan import plan_stack
from tests.support.hosts import (
    compose_file,
    compose_v1,
    config,
    driver,
    engine,
    gpu,
    host,
)

# A file and a host to which every check applies, so that each unknown fact matters.
FILE = (
    "services:\n  cache:\n    image: dragonflydb/dragonfly\n    command: --maxmemory=${M:-1G}\n"
    "    mem_limit: 2g\n    cpus: 2\n    gpus: all\n    ports: ['6379:6379']\n"
    "    ulimits: {memlock: -1}\n"
)
BUSY = {
    "docker": engine(),
    "docker_compose": compose_v1("5.0.3", "2.32.5", "2.5.0"),
    "gpu": driver(gpu()),
}
NEEDS = [(check, fact) for check in CHECKS for fact in check.needs]
# These checks need no facts; QCA301 needs some only if the file does not set both numbers.
OF_THE_FILE = {
    *(
        "QCA301",
        "QCA305",
        "QCA701",
        "QCA702",
        "QCA703",
        "QCA704",
        "QCA707",
        "QCA708",
        "QCA709",
        "QCA710",
        "QCA711",
        "QCA712",
        "QCA713",
        "QCA714",
        "QCA715",
    ),
}
SECURITY = {check.id for check in CHECKS if check.category == "security"}


def _run(check: Check, tmp_path: Path, **changes: str | Engine) -> list[Finding]:
    facts = host(**{**BUSY, **changes})
    settings = config({"runtime": "compose"}, {"device": "cuda"})
    subject = HostSubject(facts, plan_stack(facts, settings), settings, needs_containers=True)
    return run_checks([check], subject, [FileSubject(compose_file(tmp_path, FILE), facts)])


@pytest.mark.parametrize(
    ("check", "fact"), NEEDS, ids=[f"{check.id}-{fact}" for check, fact in NEEDS]
)
def test_a_needed_fact_that_is_unknown_makes_the_check_skipped(tmp_path, check: Check, fact):
    reason = f"{fact} met a wall"

    findings = _run(check, tmp_path, **{fact: reason})

    places = ([None] if check.judge_host else []) + ([1] if check.judge_file else [])
    assert [finding.location and finding.location.line for finding in findings] == places
    for finding in findings:
        assert finding.severity is Severity.SKIPPED
        assert reason in finding.message
        assert finding.remedies == ()


def test_only_checks_of_the_file_itself_need_no_facts():
    assert {check.id for check in CHECKS if not check.needs} == OF_THE_FILE | SECURITY


@pytest.mark.parametrize("engine_facts", [engine(), engine(cpus=0, memory=0)])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_fact_that_is_not_needed_may_be_unknown(tmp_path, check: Check, engine_facts: Engine):
    """Test that no check fails without the facts that it only uses for details."""
    for fact in asdict(host()):
        if fact in ("schema_version", "about", *check.needs):
            continue
        for finding in _run(check, tmp_path, **{"docker": engine_facts, fact: "dark"}):
            assert not finding.is_check_failure, (fact, finding.message)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_no_check_reports_unknowns_if_all_facts_are_known(tmp_path, check: Check):
    for finding in _run(check, tmp_path):
        assert "Cannot check" not in finding.message
