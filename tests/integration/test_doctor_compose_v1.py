"""The doctor's verdicts on Compose V1 match its real behavior with the engine."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from infra.host.deadline import Deadline
from infra.host.facts import Known
from infra.host.probes import docker_compose
from tests.support.hosts import host, one
from tests.support.machine import Machine, make_machine, qca
from tests.testbed.fixtures import Engine

pytestmark = pytest.mark.reads_engine

MakeV1 = Callable[..., Path]

HTTP_DOCKER = "Not supported URL scheme http+docker"
CHUNKED = "request() got an unexpected keyword argument 'chunked'"
SSL_VERSION = "kwargs_from_env() got an unexpected keyword argument 'ssl_version'"

# docker-py, requests, urllib3, and the error of `docker-compose ps`.
CELLS = [
    ("5.0.3", "2.28.1", "1.26.12", ""),  # Debian 12's
    ("6.1.3", "2.31.0", "1.26.20", ""),
    ("6.1.3", "2.31.0", "2.5.0", ""),  # no old urllib3 is needed
    ("5.0.3", "2.32.5", "2.5.0", HTTP_DOCKER),  # the seed's evening
    ("5.0.3", "2.32.5", "1.26.20", HTTP_DOCKER),  # and urllib3<2 alone
    ("5.0.3", "2.28.1", "2.5.0", CHUNKED),
    ("7.1.0", "2.31.0", "2.5.0", SSL_VERSION),
]

PROJECT = "services:\n  quiet:\n    image: {image}\n    command: ['true']\n"


@pytest.fixture
def project(tmp_path: Path, engine: Engine) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "docker-compose.yml").write_text(PROJECT.format(image=engine.images.tiny))
    return folder


def _ps(script: Path, project: Path, engine: Engine) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [script, "ps"],
        cwd=project,
        env=engine.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(("docker", "requests", "urllib3", "error"), CELLS)
def test_predictions_match_the_real_outcome(
    docker: str,
    requests: str,
    urllib3: str,
    error: str,
    compose_v1: MakeV1,
    project: Path,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = compose_v1(docker=docker, requests=requests, urllib3=urllib3)
    done = _ps(script, project, engine)
    monkeypatch.setenv("PATH", str(script.parent), prepend=":")
    with Deadline(30) as limit:
        facts = docker_compose.probe(limit)
    finding = one(replace(host(), docker_compose=Known(value=facts)), "QCA203")

    assert (done.returncode == 0) is (error == ""), done.stderr
    assert (finding.severity == "ok") is (error == "")
    if error:
        assert error in done.stderr
        predicted = str(finding.evidence["error"])
        assert error in predicted
        assert predicted in done.stderr.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def seeds_evening(tmp_path_factory: pytest.TempPathFactory, compose_v1: MakeV1) -> Machine:
    """Working libraries of the system, and newer ones over them from `pip install --user`.

    The last of its tests changes it.
    """
    good = compose_v1(docker="5.0.3", requests="2.28.1", urllib3="1.26.12")
    machine = make_machine(tmp_path_factory.mktemp("evening") / "machine", good)
    done = machine.run(
        *(machine.python, "-m", "pip", "install", "--user", "--no-deps", "--quiet"),
        *("--no-warn-script-location", "requests==2.32.5", "urllib3==2.5.0"),
    )
    assert done.returncode == 0, done.stderr
    return machine


def _examined(machine: Machine, folder: Path, **variables: str) -> dict[str, dict]:
    only = ("--only", "QCA202", "--only", "QCA203")
    done = qca(machine, "doctor", "--format", "json", *only, folder=folder, **variables)
    assert done.returncode in (0, 1), done.stderr
    return {finding["id"]: finding for finding in json.loads(done.stdout)["findings"]}


def _no_plugin(tmp_path: Path) -> dict[str, str]:
    """A docker client without Compose V2, like the seed's."""
    folder = tmp_path / "no-plugins"
    folder.mkdir(exist_ok=True)
    return {"DOCKER_CONFIG": str(folder), "QCA_STACK_RUNTIME": "compose"}


def test_a_fix_that_does_not_help_is_undone(
    seeds_evening: Machine, project: Path, tmp_path: Path
) -> None:
    """Nothing listens at that address, so V1 fails in its own environment too."""
    machine = seeds_evening
    variables = {**_no_plugin(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/nobody.sock"}
    before = machine.packages()

    done = qca(machine, "doctor", "--only", "QCA203", "--fix", "--yes", folder=project, **variables)

    assert done.returncode == 1
    assert "not fixed: " in done.stderr
    assert "undone" in done.stderr
    assert machine.packages() == before
    assert not (machine.home / ".local/share/qca/compose-v1").exists()


def test_a_dry_run_installs_nothing(seeds_evening: Machine, project: Path, tmp_path: Path) -> None:
    machine, before = seeds_evening, seeds_evening.packages()

    done = qca(
        machine,
        *("doctor", "--only", "QCA203", "--fix", "--dry-run"),
        folder=project,
        **_no_plugin(tmp_path),
    )

    assert "python3 -I -m venv ~/.local/share/qca/compose-v1" in done.stderr
    assert machine.packages() == before


def test_the_seeds_problem_from_end_to_end(
    seeds_evening: Machine, project: Path, tmp_path: Path, engine: Engine
) -> None:
    machine, variables = seeds_evening, _no_plugin(tmp_path)
    script = machine.folder / "bin/docker-compose"
    before = machine.packages()

    # It fails, and a wrapper that sets DOCKER_HOST changes nothing.
    for wrapper in ({}, {"DOCKER_HOST": engine.host}):
        failed = machine.run(script, "ps", folder=project, **wrapper)
        assert failed.returncode != 0
        assert HTTP_DOCKER in failed.stderr

    # The doctor reports that, with the versions and their location; the first remedy changes
    # nothing.
    found = _examined(machine, project, **variables)
    assert found["QCA202"]["severity"] == "warning"
    broken = found["QCA203"]
    assert HTTP_DOCKER in broken["message"]
    assert "requests 2.32.5" in broken["message"]
    assert "user site" in broken["message"]
    mildest = broken["remedies"][1]["commands"][0]
    assert mildest == f"PYTHONNOUSERSITE=1 {script} ps"
    assert not broken["remedies"][1]["automatic"]

    # That remedy works as printed, and the doctor confirms it.
    pasted = machine.run("bash", "-c", mildest, folder=project)
    assert pasted.returncode == 0, pasted.stderr
    clean = _examined(machine, project, **variables, PYTHONNOUSERSITE="1")
    assert clean["QCA203"]["severity"] == "ok"
    assert machine.packages() == before

    # --fix installs V1 in its own environment, tests it, and changes nothing else.
    only = ("--only", "QCA203")
    fixed = qca(machine, "doctor", *only, "--fix", "--yes", folder=project, **variables)
    assert fixed.returncode == 0, fixed.stdout + fixed.stderr
    assert "fixed: the problem is fixed" in fixed.stderr
    assert mildest in fixed.stderr
    own = machine.home / ".local/share/qca/compose-v1"
    added = {place for place in machine.packages() if str(own.relative_to(machine.folder)) in place}
    kept = {place: time for place, time in machine.packages().items() if place not in added}
    assert added
    assert kept == before
    after = _examined(machine, project, **variables)["QCA203"]
    assert after["severity"] == "info"
    command = after["remedies"][0]["commands"][0]
    assert str(own) in command
    worked = machine.run("bash", "-c", command, folder=project)
    assert worked.returncode == 0, worked.stderr
