"""The doctor's verdicts, and what --fix leaves behind, against runs of the real Dragonfly."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.compose_file.load import read_compose_file
from infra.doctor.examine import examine, select
from infra.doctor.finding import Finding, Severity
from infra.doctor.fix import apply_remedy, list_proposals
from infra.host.facts import CpuFacts
from tests.support import dragonfly_outcomes as outcomes
from tests.support.hosts import config, engine, host

TWO_CPUS = host(cpu=CpuFacts(online=2, affinity=2, cgroup_quota=None), docker=engine(cpus=2))
THREADS, MEMORY = "--proactor_threads=2", "--maxmemory=512mb"
HEAD = "services:\n  cache:\n    image: dragonflydb/dragonfly:v1.40.0\n    command:\n"

CASES = [
    *[((THREADS, MEMORY, word), {}, True) for word in outcomes.STARTS],
    *[((THREADS, MEMORY, word), {}, False) for word in outcomes.EXITS],
    *[((THREADS, f"--maxmemory={size}"), {}, True) for size in outcomes.SIZES_THAT_START],
    *[((THREADS, f"--maxmemory={size}"), {}, False) for size in outcomes.SIZES_THAT_EXIT],
    *[((f"--proactor_threads={n}", MEMORY), {}, True) for n in outcomes.THREADS_THAT_START],
    *[((f"--proactor_threads={n}", MEMORY), {}, False) for n in outcomes.THREADS_THAT_EXIT],
    *[((THREADS, MEMORY), dict([pair]), True) for pair in outcomes.VARIABLES_THAT_START],
    *[((THREADS, MEMORY), dict([pair]), False) for pair in outcomes.VARIABLES_THAT_EXIT],
]


def _write(path: Path, words: Sequence[str], variables: dict[str, str] | None = None) -> None:
    items = "".join(f"      - {json.dumps(word)}\n" for word in words)
    path.write_text(f"{HEAD}{items}    environment: {json.dumps(variables or {})}\n")


def _examine(path: Path) -> list[Finding]:
    checks = select({"QCA301", "QCA704"}, ())
    findings = examine(TWO_CPUS, config(), files=[read_compose_file(path, {})], checks=checks)
    return [finding for finding in findings if finding.location]


def _has_error(findings: list[Finding]) -> bool:
    return any(finding.severity is Severity.ERROR for finding in findings)


@pytest.mark.parametrize(("words", "variables", "starts"), CASES)
def test_a_run_of_dragonfly_is_judged_as_it_ended(tmp_path, words, variables, starts):
    _write(tmp_path / "stack.yml", words, variables)

    findings = _examine(tmp_path / "stack.yml")

    assert _has_error(findings) is not starts
    assert not [one for one in findings if one.severity is Severity.SKIPPED]


# What each fix may turn a word into: the same words as before otherwise.
FIXED = {
    "--save_schedule=*:30": "--snapshot_cron=30 * * * *",
    "--http_admin_console=false": "--primary_port_http_enabled=false",
    "--max-clients=0": "--maxclients=0",
}
WORDS = st.lists(
    st.sampled_from([*outcomes.STARTS, *outcomes.EXITS, *FIXED]),
    max_size=4,
    unique_by=lambda word: word.partition("=")[0],
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(WORDS)
def test_fix_leaves_words_that_start_or_the_word_and_its_error(tmp_path, words):
    path = tmp_path / "stack.yml"
    _write(path, [THREADS, MEMORY, *words])

    findings, tried = _examine(path), set()
    while todo := [one for one in list_proposals(findings) if one.finding.subject not in tried]:
        tried.add(todo[0].finding.subject)
        apply_remedy(todo[0], lambda: _examine(path), findings)
        findings = _examine(path)

    given_now = [word.value for word in read_compose_file(path, {}).services[0].command[2:]]
    for before, now in zip(words, given_now, strict=True):
        assert now == before or now == FIXED[before]
        assert before == now or now in outcomes.STARTS
    assert _has_error(findings) == any(word not in outcomes.STARTS for word in given_now)
