"""The rows of `tests.support.engine_refusals` match the test bed's engine and Compose."""

import subprocess
from pathlib import Path

import pytest

from infra.host.deadline import Deadline
from infra.host.facts import Engine as EngineFacts
from infra.host.probes import docker
from tests.support.engine_refusals import ACCEPTED, REFUSED, write_project
from tests.testbed.fixtures import Engine

# The nox session `slow` runs the others; a row takes about a second.
FEW = [REFUSED[0], REFUSED[6], REFUSED[15]]


def _start(folder: Path, settings: str, engine: Engine) -> subprocess.CompletedProcess[str]:
    """Create and start the services of a project, and remove them."""
    folder.mkdir()
    (folder / "compose.yaml").write_text(write_project(engine.images.tiny, settings))

    def compose(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", "compose", "-p", f"qca-{folder.parent.name}-{folder.name}".lower(), *words],
            cwd=folder,
            env=dict(engine.environment),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    try:
        return compose("up", "-d", "--pull", "never", "a")
    finally:
        compose("down", "-t", "0", "-v")


@pytest.mark.parametrize(
    "rows", [pytest.param(FEW, id="few"), pytest.param(REFUSED, id="all", marks=pytest.mark.slow)]
)
def test_engine_refuses(tmp_path: Path, engine: Engine, rows: list[tuple[str, str]]) -> None:
    for number, (settings, words) in enumerate(rows):
        done = _start(tmp_path / str(number), settings, engine)

        assert done.returncode != 0, settings
        assert words in done.stderr.replace('\\"', '"'), settings


def test_an_engine_without_a_swarm_creates_no_overlay_network(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in engine.variables.items():
        monkeypatch.setenv(name, value)
    found = docker.probe(Deadline(10))
    done = _start(tmp_path / "overlay", "networks: [spread]", engine)

    assert isinstance(found, EngineFacts)
    assert found.swarm_role == "none"
    assert "This node is not a swarm manager" in done.stderr


def test_the_engine_does_not_start_beside_a_missing_container(
    tmp_path: Path, engine: Engine
) -> None:
    done = _start(tmp_path / "gone", "network_mode: container:qca-test-gone", engine)

    assert "No such container: qca-test-gone" in done.stderr


@pytest.mark.slow
def test_engine_accepts(tmp_path: Path, engine: Engine) -> None:
    started = [
        (settings, _start(tmp_path / str(number), settings, engine).stderr)
        for number, settings in enumerate(ACCEPTED)
    ]

    # We do not know the options of the daemon's default log driver, and neither does this engine.
    assert [settings for settings, error in started if "Error" in error] == ACCEPTED[-1:]
