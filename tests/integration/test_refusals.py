"""A stack that cannot start leads to a message, exit code 1, and nothing left behind."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.program import Program, environment, short_folder
from tests.support.stack import Stack
from tests.support.waiting import wait_for

# A sleep that no test waits for; the number identifies the process.
ASLEEP = "86399"

TOO_SMALL = {"proactor_threads": "16", "maxmemory": "2GiB"}


def assert_nothing_left(stack: Stack) -> None:
    assert not any(stack.list_leftovers().values())
    assert {path.name for path in stack.folder.iterdir()} <= {"qca.toml", "runs"}


# -- Dragonfly's rule, predicted and met ----------------------------------------------------------


def test_a_store_that_would_refuse_to_start_is_not_launched(new):
    stack = new(**TOO_SMALL)
    done = stack.up(check=1)
    assert "QCA301" in done.stderr
    assert "16 threads" in done.stderr
    assert_nothing_left(stack)


def test_a_store_launched_against_that_advice_does_refuse(new):
    stack = new(**TOO_SMALL)
    stack.qca("render", "compose", "--runtime", "compose", "-o", "compose.yaml")
    (stack.folder / "store.flags").write_text("--requirepass=example\n")
    (stack.folder / "store.flags").chmod(0o644)
    variables = {
        "QCA_TRAINER_IMAGE": stack.engine.images.tiny,
        "QCA_STORE_FLAGS": "./store.flags",
        "QCA_UID": "999",
        "QCA_GID": "999",
        "QCA_RUN_FOLDER": ".",
    }

    def compose(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", "compose", "-p", stack.project, *words],
            cwd=stack.folder,
            env=environment(**stack.engine.variables, **variables),
            capture_output=True,
            text=True,
        )

    assert compose("up", "--detach", "--wait", "store").returncode != 0
    done = compose("run", "--rm", "--no-TTY", "store")
    assert done.returncode == 1
    assert "There are 16 threads, so 4.00GiB are required. Exiting..." in done.stdout + done.stderr


# -- images ---------------------------------------------------------------------------------------


def test_an_image_that_cannot_be_pulled_is_named(stack):
    done = stack.up("--store-image", "127.0.0.1:9/nowhere:1", check=1)
    assert "127.0.0.1:9/nowhere:1" in done.stderr
    assert "docker pull" in done.stderr
    assert "--store-image selects another image" in done.stderr
    assert_nothing_left(stack)


@pytest.fixture
def sleepy_base(engine, tmp_path) -> Iterator[str]:
    """A base image whose Python sleeps, so that a build on it does not finish."""
    name = f"qca-test-sleepy-{os.getpid()}:1"
    (tmp_path / "Dockerfile").write_text(
        f"FROM {engine.images.tiny}\n"
        f"RUN printf '#!/bin/sh\\nexec sleep {ASLEEP}\\n' >/bin/python3 && chmod +x /bin/python3\n"
    )
    engine.run("build", "-q", "-t", name, str(tmp_path))
    yield name
    engine.run("image", "rm", "--force", name)


def sleepers() -> list[psutil.Process]:
    """The sleeping Pythons of builds."""
    found = psutil.process_iter(["cmdline"])
    return [one for one in found if (one.info["cmdline"] or [])[-1:] == [ASLEEP]]


def test_ctrl_c_during_the_image_build_leaves_nothing(stack, sleepy_base):
    images = list_images(stack)
    with short_folder() as temporary:
        words = ("up", "--runtime", "compose", "--base-image", sleepy_base)
        with stack.qca.start(*words, TMPDIR=str(temporary)) as up:
            up.wait_for_stderr("Building the trainer image")
            wait_for(sleepers)
            assert up.end(signal.SIGINT, seconds=30).returncode == 130
        assert list(temporary.iterdir()) == []
    assert wait_for(lambda: not sleepers(), seconds=10)
    assert_nothing_left(stack)
    assert list_images(stack) == images


def list_images(stack) -> set[str]:
    """Return the IDs of the engine's images; it orders those of the same second as it likes."""
    return set(stack.engine.run("image", "ls", "-q").stdout.split())


@pytest.mark.parametrize("moment", ["Examining this host", "Starting the store and the trainer"])
def test_ctrl_c_at_any_other_time_leaves_nothing(stack, moment):
    with stack.qca.start("up", "--runtime", "compose") as up:
        up.wait_for_stderr(moment)
        up.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        if up.process.poll() is None:  # an impatient second Ctrl-C
            up.process.send_signal(signal.SIGINT)
        assert up.end().returncode == 130
    assert_nothing_left(stack)


def test_a_failed_build_shows_the_end_of_its_output(stack):
    done = stack.up("--base-image", stack.engine.images.tiny, check=1)
    assert "python3: not found" in done.stderr
    assert_nothing_left(stack)


# -- the host -------------------------------------------------------------------------------------


def test_a_port_in_use_is_reported_with_its_holder(stack):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = stack.up("--store-port", port, check=1)
    assert f"Port {port}" in done.stderr
    assert f"pid {os.getpid()}" in " ".join(done.stderr.split())
    assert_nothing_left(stack)


def test_a_port_of_another_stack_is_reported_with_its_container(stack, engine):
    words = ("--detach", "--rm", "--publish=127.0.0.1::80", engine.images.tiny, "sleep", "60")
    container = engine.run("run", *words).stdout.strip()
    try:
        name = engine.run("inspect", "--format={{.Name}}", container).stdout.strip(" /\n")
        port = engine.run("port", container, "80").stdout.strip().rpartition(":")[2]
        done = stack.up("--store-port", port, check=1)
    finally:
        engine.run("rm", "--force", container)
    assert f"Port {port}" in done.stderr
    assert f"container {name}" in " ".join(done.stderr.split())
    assert_nothing_left(stack)


@pytest.fixture
def silent_engine() -> Iterator[str]:
    """A socket that accepts connections and never answers."""
    with short_folder() as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "docker.sock"))
        server.listen()
        yield f"unix://{folder / 'docker.sock'}"


def test_an_engine_that_never_answers_is_not_waited_for(stack, silent_engine):
    hung = {"DOCKER_HOST": silent_engine}
    done = stack.up(check=1, timeout=40, **hung)
    assert "QCA101" in done.stderr
    assert_nothing_left(stack)

    done = stack.qca("up", timeout=60, **hung)
    assert "Without Docker" in done.stderr
    assert "Done: 6 episodes" in done.stderr

    done = stack.qca("doctor", "--only", "QCA101", "--format", "json", timeout=40, **hung)
    [finding] = json.loads(done.stdout)["findings"]
    assert finding["severity"] != "ok"
    assert "answer" in finding["message"]


@pytest.fixture
def forbidden(stack, engine) -> Iterator[tuple[Program, str]]:
    """The program as a user who may not open the socket, and that socket."""
    with short_folder() as folder, socket.socket(socket.AF_UNIX) as server:
        path = folder / "docker.sock"
        server.bind(str(path))
        server.listen()
        path.chmod(0o000)
        # Two capabilities let root open everything; without them, root is an ordinary user.
        ordinary = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
        before = ordinary if os.geteuid() == 0 else []
        if before and shutil.which("setpriv") is None:
            pytest.skip("no setpriv")
        yield Program(stack.folder, stack.qca.variables, before), f"unix://{path}"


def test_a_socket_without_permission_is_reported_with_the_remedy(stack, forbidden):
    program, host = forbidden
    done = program("up", "--runtime", "compose", check=1, DOCKER_HOST=host)
    assert "QCA101" in done.stderr
    assert "permission" in done.stderr.lower()
    assert_nothing_left(stack)


def test_without_the_compose_plugin_training_runs_locally(stack, tmp_path):
    empty = tmp_path / "docker-config"
    empty.mkdir()
    if has_compose(stack, empty):
        pytest.skip("this machine has a Compose plugin of its own")
    done = stack.qca("up", DOCKER_CONFIG=str(empty))
    assert "Without Docker: `docker compose`" in done.stderr
    assert "Done: 6 episodes" in done.stderr
    assert not any(stack.list_leftovers().values())


def has_compose(stack: Stack, config: Path) -> bool:
    variables = environment(**{**stack.engine.variables, "DOCKER_CONFIG": str(config)})
    done = subprocess.run(["docker", "compose", "version"], env=variables, capture_output=True)
    return done.returncode == 0
