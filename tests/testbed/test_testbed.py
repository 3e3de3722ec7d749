"""The test bed itself works, on the real engine."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .fixtures import Engine, find_engine, unchanged

HERE = Path(__file__).parent
MIB = 1024**2


@pytest.fixture(params=["engine", "older_engine"])
def any_engine(request: pytest.FixtureRequest) -> Engine:
    return request.getfixturevalue(request.param)


@pytest.fixture
def stack(any_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setitem(any_engine.environment, "STORE_IMAGE", any_engine.images.store)
    compose = ["compose", "-p", f"testbed{os.getpid()}", "-f", str(HERE / "compose.yaml")]
    try:
        any_engine.run(*compose, "up", "--wait")
        yield any_engine
    finally:
        any_engine.run(*compose, "down", "--volumes", "--timeout", "5")


def inside(engine: Engine, service: str, *command: str) -> str:
    return engine.run("exec", f"testbed{os.getpid()}-{service}-1", *command).stdout


def test_all_tests_with_the_engine_are_on_one_worker(any_engine, request):
    side_by_side = "PYTEST_XDIST_WORKER" in os.environ
    assert request.node.nodeid.endswith("@engine") == side_by_side


@pytest.mark.usefixtures("engine_unchanged")
def test_the_store_runs_hardened_as_any_user(stack):
    for service, maxmemory in [("as-dragonfly", 512), ("as-somebody", 512)]:
        assert inside(stack, service, "redis-cli", "ping") == "PONG\n"
        told = inside(stack, service, "redis-cli", "config", "get", "maxmemory").split()
        assert told == ["maxmemory", str(maxmemory * MIB)]
    assert inside(stack, "with-password", "redis-cli", "ping") == "PONG\n"
    refused = inside(stack, "with-password", "env", "-u", "REDISCLI_AUTH", "redis-cli", "ping")
    assert "NOAUTH" in refused
    assert "example" not in inside(stack, "with-password", "cat", "/proc/1/cmdline")


ENOUGH = ("--proactor_threads=1", "--maxmemory=256m")


@pytest.mark.parametrize(
    ("options", "arguments", "status", "message"),
    [
        ([], ["--proactor_threads=16", "--maxmemory=2G"], 1, "16 threads, so 4.00GiB are required"),
        (["--memory=300m", "--cpus=1"], [], 1, "1 threads, so 256.00MiB are required"),
        ([], ["--maxmemory=4Gjunk"], 1, "Use human-readable format, eg.: 500MB, 1G, 1TB"),
        ([], ["--save_schedule=x", *ENOUGH], 1, "please use snapshot_cron instead"),
        (["--env=DFLY_PASSWORD=x"], [], 134, "unknown environment variable DFLY_PASSWORD"),
    ],
)
def test_the_store_refuses_what_dragonfly_refuses(
    engine, engine_unchanged, options, arguments, status, message
):
    done = engine.run("run", "--rm", *options, engine.images.store, *arguments, check=False)
    assert done.returncode == status
    assert message in done.stderr
    assert "stands in for Dragonfly" in done.stderr


def test_the_python_image_has_what_the_trainer_needs(engine, engine_unchanged):
    program = "import numpy, pydantic, redis, safetensors, torch; print(torch.__version__)"
    done = engine.run("run", "--rm", engine.images.python, "python3", "-c", program)
    assert done.stdout.startswith("2.13.")


def test_leftovers_are_noticed(engine):
    name = f"testbed-left-{os.getpid()}"
    try:
        with pytest.raises(AssertionError, match=name), unchanged(engine):
            engine.run("volume", "create", name)
    finally:
        engine.run("volume", "rm", name)


@pytest.mark.parametrize(
    ("docker_host", "ci", "outcome"),
    [
        ("unix:///nowhere.sock", None, pytest.skip.Exception),
        ("unix:///nowhere.sock", "true", pytest.fail.Exception),
    ],
)
def test_a_missing_engine_skips_locally_and_fails_in_ci(monkeypatch, docker_host, ci, outcome):
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    monkeypatch.delenv("CI", raising=False)
    if ci:
        monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="testbed"):
        find_engine("DOCKER_CONFIG")


@pytest.mark.parametrize(
    ("versions", "works", "message"),
    [
        ({"docker": "6.1.3", "requests": "2.31.0", "urllib3": "1.26.20"}, True, ""),
        (
            {"docker": "5.0.3", "requests": "2.32.5", "urllib3": "1.26.20"},
            False,
            "Not supported URL scheme http+docker",
        ),
    ],
)
def test_compose_v1_works_or_breaks_by_its_libraries(
    engine, compose_v1, tmp_path, versions, works, message
):
    file = tmp_path / "docker-compose.yml"
    file.write_text(f"version: '2.4'\nservices:\n  x:\n    image: {engine.images.tiny}\n")
    done = subprocess.run(
        [compose_v1(**versions), "-f", file, "ps"],
        env=engine.environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode == 0) is works
    assert message in done.stderr
