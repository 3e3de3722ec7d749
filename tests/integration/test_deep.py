"""`qca doctor --deep` on a real engine starts containers, reports, and leaves nothing behind."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.stack.live.cleanup import EXPIRES_LABEL, LABEL
from tests.support.built_images import build_images
from tests.support.forks import Forked
from tests.support.image_registry import registry
from tests.support.program import Program
from tests.support.terminal import open_terminal
from tests.support.waiting import wait_for
from tests.testbed.fixtures import Engine

DEEP = ("doctor", "--deep", "--format", "json", "--only", "QCA?9*")
STORE = ("doctor", "--deep", "--format", "json", "--only", "QCA391")
NEVER_HEALTHY = 'ENTRYPOINT ["sleep", "60"]'


@pytest.fixture
def qca(engine: Engine, settings: dict[str, str], tmp_path: Path) -> Program:
    """The program in an empty folder, with the images of the test bed."""
    variables = {**engine.variables, **settings, "QCA_STACK_RUNTIME": "compose"}
    return Forked(tmp_path, variables)


def list_started(engine: Engine) -> list[str]:
    """Return the containers, networks and volumes that `--deep` has created."""
    chosen = ("--quiet", "--filter", f"label={LABEL}")
    kinds = (("ps", "--all"), ("network", "ls"), ("volume", "ls"))
    return [name for kind in kinds for name in engine.run(*kind, *chosen).stdout.split()]


@pytest.fixture
def nothing_left(engine: Engine) -> Iterator[None]:
    """Fail a test that leaves something of `--deep` on the engine."""
    yield
    assert list_started(engine) == []


@pytest.fixture
def build(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    with build_images(engine, tmp_path_factory.mktemp("image")) as build:
        yield build


def read_findings(done: subprocess.CompletedProcess[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the findings of each check."""
    findings: dict[str, list[dict[str, Any]]] = {}
    for one in json.loads(done.stdout)["findings"]:
        findings.setdefault(one["id"], []).append(one)
    return findings


def test_a_healthy_engine_passes_and_nothing_is_left(qca, nothing_left):
    done = qca(*DEEP, "--yes", "--record", "host.json")

    found = read_findings(done)
    assert done.returncode == 0
    assert {one["severity"] for name in ("QCA192", "QCA391") for one in found[name]} == {"ok"}
    lookup = found["QCA191"][0]["message"]
    assert lookup == "Containers on a network like the stack's can look up store."
    assert found["QCA491"][0]["severity"] == "skipped"  # no GPU here
    assert [path.name for path in qca.folder.iterdir()] == ["host.json"]
    replayed = qca("doctor", "--facts", "host.json", "--format", "json", "--only", "QCA?9*")
    assert read_findings(replayed) == found


def test_without_a_terminal_nothing_is_started_and_nothing_passes(qca, nothing_left):
    done = qca(*DEEP)

    found = [one for findings in read_findings(done).values() for one in findings]
    assert {one["severity"] for one in found} == {"skipped"}
    assert "cannot ask without a terminal; use --yes" in found[0]["message"]
    assert "Their images:" in done.stderr
    assert "(250" in done.stderr or "MiB) is here" in done.stderr


@pytest.mark.slow
def test_answering_no_starts_nothing(qca, nothing_left):
    with open_terminal(qca, *DEEP) as terminal:
        wait_for(lambda: "Start them? [y/N]" in terminal.read())
        terminal.write("n\n")
        assert "not started: the answer was no" in terminal.read_to_end()


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, -15, marks=pytest.mark.slow)],
)
def test_an_interruption_removes_all_containers(qca, build, engine, nothing_left, number, status):
    image = build(engine.images.store, NEVER_HEALTHY)
    qca.variables["QCA_STACK_STORE_IMAGE"] = image

    with qca.start(*STORE, "--yes") as running:
        wait_for(lambda: list_started(engine))
        running.process.send_signal(number)
        done = running.end(seconds=30)

    assert done.returncode == status
    assert "Removing the containers." in done.stderr
    assert list(qca.folder.iterdir()) == []


@pytest.mark.slow
def test_a_store_that_refuses_its_flags_is_quoted(qca, nothing_left):
    qca.variables |= {"QCA_STACK_PROACTOR_THREADS": "16", "QCA_STACK_MAXMEMORY": "1GiB"}

    done = qca(*STORE, "--yes", check=None)

    (finding,) = read_findings(done)["QCA391"]
    assert (done.returncode, finding["severity"]) == (1, "error")
    assert "16 threads" in finding["message"]


TELL_SIZE = """#!/bin/sh
[ "$1" = manifest ] || exec {docker} "$@"
echo '{{"Descriptor": {{}}, "OCIManifest": {{"layers": [{{"size": 1048576}}]}}}}'
"""


@pytest.mark.slow
def test_a_download_is_listed_with_its_size_and_kept(qca, engine, nothing_left, tmp_path_factory):
    """The test's registry has no certificate, so `docker manifest` does not query it."""
    program = tmp_path_factory.mktemp("bin") / "docker"
    program.write_text(TELL_SIZE.format(docker=shutil.which("docker")))
    program.chmod(0o755)
    qca.variables["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    with registry() as host:
        image = f"{host}/store:1"
        engine.run("tag", engine.images.tiny, image)
        engine.run("push", image)
        engine.run("image", "rm", image)
        qca.variables["QCA_STACK_STORE_IMAGE"] = image
        try:
            asked = qca(*STORE)
            assert f"  {image} (1 MiB) will be downloaded and kept" in asked.stderr
            assert engine.run("image", "inspect", image, check=False).returncode != 0

            done = qca(*STORE, "--yes", check=None)
            (finding,) = read_findings(done)["QCA391"]
            assert finding["evidence"]["outcome"] == "refused"  # busybox has no Dragonfly
            assert engine.run("image", "inspect", image, check=False).returncode == 0
        finally:
            engine.run("image", "rm", "--force", image, check=False)


@pytest.mark.slow
def test_an_image_of_unknown_size_is_never_downloaded(qca, nothing_left):
    qca.variables["QCA_STACK_STORE_IMAGE"] = "localhost:1/nowhere:1"

    done = qca(*STORE, "--yes", check=None)

    (finding,) = read_findings(done)["QCA391"]
    assert finding["severity"] == "skipped"
    assert "does not report the download size" in finding["message"]


@pytest.mark.slow
def test_the_next_examination_removes_what_a_killed_one_left(qca, engine, nothing_left):
    def make(token: str, expires: int, *command: str) -> str:
        labels = (f"{LABEL}={token}", f"{EXPIRES_LABEL}={expires}")
        kind = (word for label in labels for word in ("--label", label))
        return engine.run(*command[:-1], *kind, command[-1]).stdout.strip()

    past, future = 1, int(time.time()) + 3600
    for token in ("killed", "killed-between-two-containers"):
        make(token, past, "network", "create", token)
        make(token, past, "volume", "create", token)
    make("killed", past, "create", engine.images.tiny)
    running = [
        make("running", past, "network", "create", "running"),  # created long before the container
        make("running", future, "create", engine.images.tiny),
    ]
    try:
        qca("doctor", "--deep", "--yes", "--only", "QCA192")
        left = {name for name in list_started(engine) if any(name in one for one in running)}
        assert (len(left), len(list_started(engine))) == (2, 2)
    finally:
        engine.run("rm", "--force", running[1], check=False)
        engine.run("network", "rm", "running", check=False)
