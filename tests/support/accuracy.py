"""Count how often the checks are wrong, and save the counts for their pages.

    python -m tests.support.accuracy [--runs CSV] [--flags CSV] [--compose FOLDER]

Without options, it counts the cases in this repository. The options name larger corpora outside of
it: runs of Dragonfly in the format of `tests/dragonfly/data/runs.csv`; a table of its flags with
the columns flag, first_release, retired_from, absent_from and absent_between; Compose inputs in the
format that `benchmarks.compose_reading` reads. Corpora that are not named keep their counts.
"""

import csv
import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from infra.compose_file.load import read_compose_file
from infra.compose_file.project import read_project
from infra.doctor.accuracy import COUNTS
from infra.doctor.analysis.compose_v1_compatibility import NotMeasured, Works, predict
from infra.doctor.checks import CHECKS
from infra.doctor.examine import examine, select
from infra.doctor.finding import Finding, Severity
from infra.doctor.runner import run_checks
from infra.doctor.subjects import FileSubject
from infra.dragonfly.flag_table import Standing, find_standing
from infra.dragonfly.releases import Release
from infra.host.facts import CpuFacts
from infra.host.recording import load
from qca.core.errors import InputError
from tests.support.dragonfly_outcomes import TABLE, read_runs
from tests.support.engine_refusals import ACCEPTED, REFUSED, write_project
from tests.support.host_findings import EVERYTHING, HOSTS
from tests.support.hosts import compose_file, config, engine, host

Outcome = tuple[str, bool | None]
"""A check, and whether its verdict was right; None if it was undecided."""

_MATRICES = Path(__file__).parents[1] / "doctor" / "analysis" / "data"
_MARKS = {Severity.ERROR: "E", Severity.WARNING: "W", Severity.SKIPPED: "S"}
_V1_MAIN: Release = (1, 41, 0)  # not a release: the main branch, after the newest v1


@click.command()
@click.option("--runs", type=click.Path(exists=True, path_type=Path))
@click.option("--flags", type=click.Path(exists=True, path_type=Path))
@click.option("--compose", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(runs: Path | None, flags: Path | None, compose: Path | None) -> None:
    """Count, and write the counts to `infra/data/check-accuracy.json`."""
    document = json.loads(COUNTS.read_text()) if COUNTS.exists() else {"corpora": {}, "checks": {}}
    corpora: dict[str, tuple[str, Iterable[Outcome]]] = {
        "hosts": count_hosts(),
        "compose-v1": count_libraries(),
        "dragonfly-runs": count_runs(TABLE, "in this repository"),
        "engine-settings": count_settings(),
    }
    if runs:
        corpora["dragonfly-runs-2"] = count_runs(runs, "outside this repository")
    if flags:
        corpora["dragonfly-flags"] = count_flags(flags)
    if compose:
        corpora["compose-inputs"] = count_inputs(compose)
    for name, (description, outcomes) in corpora.items():
        _write_down(document, name, description, outcomes)
    order = [check.id for check in CHECKS]
    document["checks"] = dict(
        sorted(document["checks"].items(), key=lambda one: order.index(one[0]))
    )
    COUNTS.write_text(json.dumps(document, indent=1) + "\n")


def _write_down(
    document: dict[str, Any], name: str, description: str, outcomes: Iterable[Outcome]
) -> None:
    document["corpora"][name] = description
    for found in document["checks"].values():
        found.pop(name, None)
    for check_id, counts in tally(outcomes).items():
        document["checks"].setdefault(check_id, {})[name] = counts


def tally(outcomes: Iterable[Outcome]) -> dict[str, dict[str, int]]:
    """Return the number of verdicts of each check, and of undecided and wrong ones."""
    tallied: dict[str, dict[str, int]] = {}
    for check_id, is_right in outcomes:
        counts = tallied.setdefault(check_id, {"judged": 0, "unknown": 0, "wrong": 0})
        counts["unknown" if is_right is None else "judged"] += 1
        counts["wrong"] += is_right is False
    return tallied


def count_hosts() -> tuple[str, Iterator[Outcome]]:
    """Check the recorded hosts against the expectations in their test."""
    table = {name: expected for name, expected in EVERYTHING.items() if expected[0] is not None}
    what = (
        f"{len(table)} recorded hosts, each examined with and without containers (the right "
        "verdicts were set by hand)"
    )
    return what, (outcome for name in table for outcome in _judge_host(name, table[name]))


def _judge_host(name: str, expected: tuple[Any, Any]) -> Iterator[Outcome]:
    for runtime, marks in zip(("auto", "compose"), expected, strict=True):
        findings = examine(load(HOSTS / f"{name}.json"), config({"runtime": runtime}))
        wanted = marks.split()
        for check_id in dict.fromkeys(finding.id for finding in findings):
            given = [_mark(finding) for finding in findings if finding.id == check_id]
            right = sorted(filter(None, given)) == sorted(
                mark for mark in wanted if mark[1:] == check_id[3:]
            )
            is_open = right and f"S{check_id[3:]}" in given
            yield check_id, None if is_open else right


def _mark(finding: Finding) -> str:
    mark = _MARKS.get(finding.severity)
    return f"{mark}{finding.id[3:]}" if mark else ""


def count_settings() -> tuple[str, Iterator[Outcome]]:
    """Check the settings that a real engine refused or accepted."""
    rows = [(settings, True) for settings, _ in REFUSED]
    rows += [(settings, False) for settings in ACCEPTED]
    what = f"{len(rows)} settings, each tried with Compose 2.40 on Engine 20.10"
    return what, (_judge_setting(*row) for row in rows)


def _judge_setting(settings: str, is_refused: bool) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        file = compose_file(Path(folder), write_project("alpine:3.20", settings), HOME="/root")
    findings = examine(host(), config(), files=[file])
    is_reported = any(one.id == "QCA711" and one.severity is Severity.ERROR for one in findings)
    return "QCA711", is_reported == is_refused


def count_libraries() -> tuple[str, Iterator[Outcome]]:
    """Check the measured combinations of libraries."""
    cells = [cell for path in sorted(_MATRICES.glob("*.csv")) for cell in _read_rows(path)]
    what = f"{len(cells)} combinations of docker-py, requests and urllib3, run with Compose V1"
    return what, map(_judge_libraries, cells)


def _judge_libraries(cell: dict[str, str]) -> Outcome:
    prediction = predict(cell["docker_py"], cell["requests"], cell["urllib3"])
    if isinstance(prediction, NotMeasured):
        return "QCA203", None
    return "QCA203", isinstance(prediction, Works) is (cell["ps_exit_code"] == "0")


def _read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def count_runs(path: Path, where: str) -> tuple[str, Iterator[Outcome]]:
    """Check the command lines with which Dragonfly was run."""
    runs = read_runs(path)
    judged = "each judged by QCA301 and QCA704 together"
    what = f"{len(runs)} runs of Dragonfly v1.40.0 {where}, {judged}"
    return what, (outcome for run in runs for outcome in _judge_run(run))


def _judge_run(run: Any) -> Iterator[Outcome]:
    cpus = CpuFacts(online=2, affinity=2, cgroup_quota=None)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "compose.yaml"
        service = {
            "image": "dragonflydb/dragonfly:v1.40.0",
            "command": list(run.words),
            "environment": run.variables,
        }
        path.write_text(json.dumps({"services": {"cache": service}}))
        subject = FileSubject(read_compose_file(path, {}), host(cpu=cpus, docker=engine(cpus=2)))
    findings = run_checks(select({"QCA301", "QCA704"}, ()), None, [subject])
    severities = {finding.severity for finding in findings}
    is_right = (Severity.ERROR in severities) is not run.starts
    for check_id in ("QCA301", "QCA704"):
        yield check_id, None if Severity.SKIPPED in severities else is_right


def count_flags(path: Path) -> tuple[str, Iterator[Outcome]]:
    """Look up every flag at every release that changes a flag."""
    rows = _read_rows(path)
    releases = sorted({_parse_release(tag) for row in rows for tag in _list_tags(row)} - {_V1_MAIN})
    what = (
        f"{len(rows)} flags of Dragonfly, at the {len(releases)} releases that change one of them"
    )
    return what, (outcome for row in rows for outcome in _judge_flag(row, releases))


def _list_tags(row: dict[str, str]) -> list[str]:
    keys = ("first_release", "retired_from", "absent_from", "absent_between")
    return [tag for key in keys for tag in row[key].split()]


def _parse_release(tag: str) -> Release:
    if tag == "main":
        return _V1_MAIN
    major, minor, patch = map(int, tag.removeprefix("v").split("."))
    return major, minor, patch


def _judge_flag(row: dict[str, str], releases: list[Release]) -> Iterator[Outcome]:
    retired, absent = row["retired_from"] or "v9.0.0", row["absent_from"] or "v9.0.0"
    gaps = [_parse_release(tag) for tag in row["absent_between"].split()]
    for release in releases:
        is_there = _parse_release(row["first_release"]) <= release < _parse_release(absent)
        expected = Standing.RETIRED if release >= _parse_release(retired) else Standing.PRESENT
        if not is_there or release in gaps:
            expected = Standing.ABSENT
        standing = find_standing(row["flag"], release)
        yield "QCA704", None if standing is Standing.UNCERTAIN else standing is expected


def count_inputs(folder: Path) -> tuple[str, Iterator[Outcome]]:
    """Read the inputs that Compose accepted or refused."""
    cases = sorted(folder.glob("*/expected.json"))
    what = f"{len(cases)} inputs of Compose's own tests, each taken or refused by 2.40"
    return what, map(_judge_input, cases)


def _judge_input(case: Path) -> Outcome:
    expected = json.loads(case.read_text())
    answer = expected.get("2.40", {})
    if "rc" not in answer:
        return "QCA707", None
    environment = {"HOME": "/root", "PATH": "/usr/bin:/bin"}
    paths = [case.parent / name for name in expected["files"]]
    try:
        refused = bool(read_project(paths, environment, ("*",), version=(2, 40)).refusals)
    except InputError:
        refused = True
    return "QCA707", refused is (answer["rc"] != 0)


if __name__ == "__main__":
    main()
