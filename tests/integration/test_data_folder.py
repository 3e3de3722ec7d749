"""QCA305 on the real engine: what the doctor says of a service, and whether it saves its data."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.capability_cases import CAPABILITY_CASES
from tests.support.verdicts import ERROR, OK, SKIPPED, WARNING
from tests.testbed.fixtures import Engine

# The verdict on a service, and the answer to SAVE; an error means that there is no server to ask.
OUTCOMES = {OK: "OK", WARNING: "ERR", ERROR: ""}

# An engine in a container cannot give the capabilities that it does not have itself; without
# snapshots, nothing is lost if SAVE fails.
LEFT_OUT = ("privileged", "cap_add: [ALL]", "--dbfilename=")

CASES = [
    (keys, severity)
    for keys, severity, _ in CAPABILITY_CASES
    if severity is not SKIPPED and not any(text in keys for text in LEFT_OUT)
]
QUICK = {
    "cap_drop: [ALL]",
    "cap_drop: [ALL]\n    cap_add: [SETUID, SETGID]",
    "entrypoint: dragonfly\n    cap_drop: [DAC_OVERRIDE]",
    "entrypoint: dragonfly\n    cap_drop: [ALL]\n    cap_add: [DAC_OVERRIDE]",
    "volumes: ['dump:/data:ro']",
    "read_only: true",
}


@pytest.fixture(scope="module")
def project(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with a service for each case: `s0`, `s1`, ..."""
    folder = tmp_path_factory.mktemp("data-folder") / f"data-folder-{time.time_ns()}"
    folder.mkdir()
    (folder / "d").mkdir(mode=0o755)
    services = "".join(
        f"  s{number}:\n    image: {engine.images.store}\n    network_mode: none\n"
        f"    stop_grace_period: 0s\n    environment: {{DFLY_proactor_threads: '1'}}\n    {keys}\n"
        for number, (keys, _) in enumerate(CASES)
    )
    file = folder / "compose.yaml"
    file.write_text(f"services:\n{services}volumes: {{dump: {{}}}}\n")
    yield file
    engine.run("compose", "-f", str(file), "down", "-v", "-t", "0")


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(number, id=keys, marks=() if keys in QUICK else pytest.mark.slow)
        for number, (keys, _) in enumerate(CASES)
    ],
)
def test_the_verdict_is_what_happens(engine: Engine, project: Path, number: int) -> None:
    _, severity = CASES[number]
    engine.run("compose", "-f", str(project), "up", "-d", f"s{number}")

    assert _save(engine, project, f"s{number}") == OUTCOMES[severity]


def _save(engine: Engine, project: Path, service: str) -> str:
    """Returns the first word of the answer to SAVE; an empty text if the server has exited."""
    (container,) = engine.run("compose", "-f", str(project), "ps", "-aq", service).stdout.split()
    for _ in range(100):
        state = engine.run("inspect", "-f", "{{.State.Status}}", container).stdout.strip()
        if state == "exited":
            return ""
        done = engine.run("exec", container, "redis-cli", "save", check=False)
        if done.returncode == 0 and (words := done.stdout.split()):
            return words[0]
        time.sleep(0.2)
    pytest.fail(f"{service} neither answers nor exits")
