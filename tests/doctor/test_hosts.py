"""Recorded hosts get the findings of `tests.support.host_findings`."""

import pytest

from infra.doctor.blocking import select_blocking
from infra.doctor.examine import examine
from infra.doctor.finding import Finding, Severity
from infra.host.recording import load
from tests.support.host_findings import EVERYTHING, HOSTS
from tests.support.hosts import config

NAMES = sorted(path.stem for path in HOSTS.glob("*.json"))


def _verdicts(findings: list[Finding]) -> str:
    wanted = (Severity.ERROR, Severity.WARNING, Severity.SKIPPED)
    marks = [f"{f.severity[0].upper()}{f.id[3:]}" for f in findings if f.severity in wanted]
    return " ".join(marks)


@pytest.mark.parametrize("runtime", ["auto", "compose"])
@pytest.mark.parametrize(
    "name", [name for name, expected in EVERYTHING.items() if expected[0] is not None]
)
def test_a_recorded_host_gets_its_findings(name, runtime):
    findings = examine(load(HOSTS / f"{name}.json"), config({"runtime": runtime}))

    assert _verdicts(findings) == EVERYTHING[name][runtime == "compose"]


@pytest.mark.parametrize("name", NAMES)
def test_no_check_fails_itself_on_any_host(name):
    findings = examine(load(HOSTS / f"{name}.json"), config())

    assert not [f for f in findings if f.is_check_failure]


def test_on_an_unknown_host_nothing_passes_and_nothing_blocks():
    findings = examine(load(HOSTS / "all-unknown.json"), config())

    assert {f.severity for f in findings} == {Severity.SKIPPED}
    assert select_blocking(findings) == []


def test_a_small_host_is_checked_by_the_sum_of_its_containers():
    facts = load(HOSTS / "cgroup-limits.json")

    (finding,) = [f for f in examine(facts, config()) if f.id == "QCA302"]

    evidence = finding.evidence
    together = evidence["container_memory_bytes"] + evidence["trainer_memory_bytes"]
    fits = together <= evidence["host_memory_bytes"]
    assert finding.severity is (Severity.OK if fits else Severity.WARNING)


def test_a_toolkit_without_its_hook_does_not_pass():
    findings = examine(load(HOSTS / "gpu-toolkit-not-registered.json"), config())

    assert _verdicts(findings) in (
        "S105 S106 S107 E401 S408 S409",
        "S105 S106 S107 W401 S408 S409",
    )


def test_every_recorded_host_is_in_the_table():
    assert set(NAMES) == set(EVERYTHING)


def test_the_seeds_laptop_with_the_seeds_numbers():
    stack = {"runtime": "compose", "maxmemory": "2GiB", "proactor_threads": 16}

    findings = examine(load(HOSTS / "seed-laptop.json"), config(stack))

    assert _verdicts(findings) == "E201 W202 E203 W204 E301 W401 S408"
    (dragonfly,) = [f for f in findings if f.id == "QCA301"]
    assert "There are 16 threads, so 4.00GiB are required. Exiting..." in dragonfly.message
