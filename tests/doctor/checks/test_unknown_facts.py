"""A check without a fact that it needs is skipped: every check, and every fact that it needs."""

from dataclasses import asdict
from functools import cache

import pytest

from infra.compose_file.model import ComposeFile
from infra.doctor.check import Check
from infra.doctor.checks import CHECKS
from infra.doctor.finding import Finding, Severity
from infra.doctor.runner import run_checks
from infra.doctor.subjects import FileSubject, HostSubject
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
ENGINES = {"with limits": engine(), "without limits": engine(cpus=0, memory=0)}
BUSY = {
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


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> ComposeFile:
    return compose_file(tmp_path_factory.mktemp("file"), FILE)


@cache
def _make_subject(engine_name: str = "with limits", **unknown: str) -> HostSubject:
    """Return the busy host; `unknown` are facts with the reason why each is unknown."""
    facts = host(**{**BUSY, "docker": ENGINES[engine_name], **unknown})
    settings = config({"runtime": "compose"}, {"device": "cuda"})
    return HostSubject(facts, plan_stack(facts, settings), settings, needs_containers=True)


def _run(check: Check, subject: HostSubject, file: ComposeFile) -> list[Finding]:
    return run_checks([check], subject, [FileSubject(file, subject.facts)])


@pytest.mark.parametrize(
    ("check", "fact"), NEEDS, ids=[f"{check.id}-{fact}" for check, fact in NEEDS]
)
def test_a_needed_fact_that_is_unknown_makes_the_check_skipped(file, check: Check, fact):
    reason = f"{fact} met a wall"

    findings = _run(check, _make_subject(**{fact: reason}), file)

    places = ([None] if check.judge_host else []) + ([1] if check.judge_file else [])
    assert [finding.location and finding.location.line for finding in findings] == places
    for finding in findings:
        assert finding.severity is Severity.SKIPPED
        assert reason in finding.message
        assert finding.remedies == ()


def test_only_checks_of_the_file_itself_need_no_facts():
    assert {check.id for check in CHECKS if not check.needs} == OF_THE_FILE | SECURITY


@pytest.mark.parametrize("engine_name", ENGINES)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_fact_that_is_not_needed_may_be_unknown(file, check: Check, engine_name: str):
    """Test that no check fails without the facts that it only uses for details."""
    for fact in asdict(host()):
        if fact in ("schema_version", "about", *check.needs):
            continue
        for finding in _run(check, _make_subject(engine_name, **{fact: "dark"}), file):
            assert not finding.is_check_failure, (fact, finding.message)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_no_check_reports_unknowns_if_all_facts_are_known(file, check: Check):
    for finding in _run(check, _make_subject(), file):
        assert "Cannot check" not in finding.message
