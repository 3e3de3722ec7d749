"""The doctor's verdicts and the results of --fix match runs of the real Dragonfly.

Cases without a run are compared with the test bed's stand-in for Dragonfly, which was written from
those runs and shares no code with the doctor.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from infra.compose_file.load import read_compose_file
from infra.doctor.examine import select
from infra.doctor.finding import Finding, Severity
from infra.doctor.fix import apply_remedy, list_proposals
from infra.doctor.runner import run_checks
from infra.doctor.subjects import FileSubject
from infra.host.facts import CpuFacts
from qca.core.units import GIB
from tests.support.dragonfly_outcomes import Run, ask_standin, read_runs
from tests.support.hosts import engine, host
from tests.testbed.dragonfly_standin.rules import Host

CHECKS = select({"QCA301", "QCA704"}, ())
TWO_CPUS = host(cpu=CpuFacts(online=2, affinity=2, cgroup_quota=None), docker=engine(cpus=2))
SAME_HOST = Host(affinity=2, available_bytes=12 * GIB)
HEAD = "services:\n  cache:\n    image: dragonflydb/dragonfly:v1.40.0\n    command:\n"


def _write(path: Path, words: Sequence[str], variables: Mapping[str, str]) -> None:
    items = "".join(f"      - {json.dumps(word)}\n" for word in words)
    path.write_text(f"{HEAD}{items}    environment: {json.dumps(dict(variables))}\n")


def _examine(path: Path) -> list[Finding]:
    subject = FileSubject(read_compose_file(path, {}), TWO_CPUS)
    return run_checks(CHECKS, None, [subject])


def _has_error(findings: list[Finding]) -> bool:
    return any(finding.severity is Severity.ERROR for finding in findings)


@pytest.mark.parametrize("run", read_runs(), ids=str)
def test_verdicts_match_the_runs_of_dragonfly(tmp_path, run: Run):
    _write(tmp_path / "stack.yml", run.words, run.variables)

    findings = _examine(tmp_path / "stack.yml")

    assert _has_error(findings) is not run.starts
    assert not [one for one in findings if one.severity is Severity.SKIPPED]
    threads = [one.evidence.get("proactor_threads") for one in findings if one.id == "QCA301"]
    assert run.threads is None or threads in ([run.threads], [None])


NUMBERS = st.one_of(
    st.integers(-3, 70_000).map(str), st.sampled_from(["0x10", "+7", " 7", "-0", "1e3", "many", ""])
)
SWITCHES = st.sampled_from(["true", "no", "1", "T", "on", "2", ""])
SIZES = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "+", " ", "-"]),
    st.sampled_from(["512", "1.5", ".5", "512.", "1024", "0", "0x200"]),
    st.sampled_from(["", "m", "mb", "MiB", "MIB", "g", "GB", "gBB", " g", "T", "E", "junk"]),
)
CRONTABS = st.one_of(
    st.lists(st.from_regex(r"[*?0-7]{1,2}([-/,][0-9]{1,2})?", fullmatch=True), max_size=6).map(
        " ".join
    ),
    st.sampled_from(["*/30 * * * *", "0 4 * JAN MON-FRI", "0 4 * * 7", "*:30"]),
)
VALUES: dict[str, st.SearchStrategy[str]] = {
    "maxmemory": SIZES,
    "proactor_threads": st.sampled_from(
        ["0", "1", "2", "+2", "0x3", "9", "65", "3000", "two", "-1"]
    ),
    "port": NUMBERS,
    "admin_port": NUMBERS,
    "memcached_port": NUMBERS,
    "dbnum": NUMBERS,
    "pipeline_queue_limit": NUMBERS,
    "cache_mode": SWITCHES,
    "tls": SWITCHES,
    "requirepass": st.sampled_from(["", "x"]),
    "snapshot_cron": CRONTABS,
    "save_schedule": st.sampled_from(["*:30", "04:00", "25:00", "often", ""]),
    "dbfilename": st.from_regex(r"[a-c./]{0,6}(\.rdb)?", fullmatch=True),
    "cluster_mode": st.sampled_from(["", "yes", "emulated", "true"]),
    "proactor_affinity_mode": st.sampled_from(["on", "off", "auto", "numa"]),
    "compression_mode": st.sampled_from(["0", "3", "NONE", "zstd", "4"]),
    "experimental_io_loop_v2": SWITCHES.filter(bool),
    # These are not flags of v1.40.
    "max-memory": SIZES,
    "proactor-threads": st.sampled_from(["2", "64"]),
    "http_admin_console": SWITCHES,
    "dbfilname": st.sampled_from(["dump", "dump.rdb"]),
    "save-schedule": st.just("*:30"),
    "appendonly": st.just("yes"),
    "PASSWORD": st.just("x"),
}
FLAGS = st.sampled_from(sorted(VALUES)).flatmap(lambda flag: st.tuples(st.just(flag), VALUES[flag]))
GIVEN = st.lists(FLAGS, max_size=4, unique_by=lambda flag: flag[0]).map(dict)


def _ask_standin(path: Path) -> str:
    """Return the stand-in's error for the file's only service, or an empty string if it starts."""
    service = read_compose_file(path, {}).services[0]
    words = tuple(word.value for word in service.command)
    variables = {name: text.value for name, text in service.environment.items()}
    return ask_standin(words, variables, SAME_HOST)


def _fix(path: Path) -> list[bool]:
    """Apply each remedy of `--fix` once, and return for each whether it helped."""
    tried: dict[tuple[str, ...], bool] = {}
    while True:
        findings = _examine(path)
        todo = [one for one in list_proposals(findings) if one.finding.subject not in tried]
        if not todo:
            return list(tried.values())
        outcome = apply_remedy(todo[0], lambda: _examine(path), findings)
        tried[todo[0].finding.subject] = outcome.helped


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(words={"save_schedule": "*:30", "max-memory": "1g"}, variables={})
@example(words={}, variables={"max-memory": "1GIB", "http_admin_console": "on"})
@given(words=GIVEN, variables=GIVEN)
def test_a_file_is_fixed_or_restored_and_reported(tmp_path, words, variables):
    path = tmp_path / "stack.yml"
    _write(
        path,
        [f"--{flag}={value}" for flag, value in words.items()],
        {f"DFLY_{flag}": value for flag, value in variables.items()},
    )
    before = path.read_text()
    assert _has_error(_examine(path)) is bool(_ask_standin(path)), _ask_standin(path)

    helped = _fix(path)

    assert any(helped) is (path.read_text() != before)
    assert _has_error(_examine(path)) is bool(_ask_standin(path)), _ask_standin(path)
