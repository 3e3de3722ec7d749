"""The steps at which reaching the engine can fail, each reproduced on a real socket."""

import json
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.host.deadline import Deadline
from infra.host.facts import Engine, NoEngine
from infra.host.probes import docker
from infra.host.probes.docker import sockets
from tests.support.fake_engine import INFO, VERSION, engine_at
from tests.support.fake_programs import write_program

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a folder with a short path, as Unix sockets need, that other users may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS", "DOCKER_TLS_VERIFY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(folder / "config"))
    # Independent of this machine's daemon.
    monkeypatch.setattr("infra.host.probes.docker.engine.add_daemon_facts", lambda engine: engine)


def probe(monkeypatch: pytest.MonkeyPatch, host: str | Path, timeout: float = 10) -> Any:
    monkeypatch.setenv("DOCKER_HOST", host if isinstance(host, str) else f"unix://{host}")
    return docker.probe(Deadline(timeout))


def bind_socket(path: Path) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    return server


def test_an_engine_that_answers(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    with engine_at(folder / "d.sock", {"/version": VERSION, "/info": INFO}):
        engine = probe(monkeypatch, folder / "d.sock")
    assert engine == Engine(
        host=f"unix://{folder}/d.sock",
        context="default",
        version="28.5.2",
        api_version="1.51",
        min_api_version="1.24",
        operating_system="Debian GNU/Linux 13 (trixie)",
        cpus=16,
        memory=33_000_000_000,
        cgroup_version="2",
        runtimes=("nvidia", "runc"),
        cdi_devices=("nvidia.com/gpu=0",),
        root_dir="/var/lib/docker",
        security_options=("name=seccomp,profile=builtin", "name=rootless"),
        driver="overlay2",
        architecture="x86_64",
        daemon_architecture="amd64",
        os_type="linux",
        default_runtime="runc",
        cdi_dirs=("/etc/cdi", "/var/run/cdi"),
        limits_memory=True,
        limits_cpu=False,
        limits_pids=True,
        warnings=("WARNING: No swap limit support",),
        components={"Engine": "28.5.2", "runc": "1.3.3"},
    )


def test_an_older_engine_omits_fields(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    version = {"Version": "20.10.24", "ApiVersion": "1.41"}
    info = {"NCPU": 2, "MemTotal": 10**9, "Runtimes": None, "SecurityOptions": None}
    with engine_at(folder / "d.sock", {"/version": version, "/info": info}):
        engine = probe(monkeypatch, folder / "d.sock")
    assert (engine.version, engine.cdi_devices, engine.runtimes) == ("20.10.24", (), ())
    assert engine.warnings is None
    assert engine.limits_pids is None
    assert engine.daemon_architecture is None


@pytest.mark.parametrize(
    ("swarm", "role"),
    [
        # Engine 20.10 outside of a swarm.
        ({"LocalNodeState": "inactive", "ControlAvailable": False}, "none"),
        ({"LocalNodeState": "active", "ControlAvailable": True}, "manager"),
        ({"LocalNodeState": "active", "ControlAvailable": False}, "worker"),
        ({"LocalNodeState": "pending", "ControlAvailable": False}, "worker"),
        ({"LocalNodeState": "locked", "ControlAvailable": False}, "none"),
        ({}, None),
        (None, None),
    ],
)
def test_the_role_in_a_swarm(
    monkeypatch: pytest.MonkeyPatch, folder: Path, swarm: Any, role: str | None
) -> None:
    with engine_at(folder / "d.sock", {"/version": VERSION, "/info": {**INFO, "Swarm": swarm}}):
        assert probe(monkeypatch, folder / "d.sock").swarm_role == role


def test_null_means_no_warnings(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    with engine_at(folder / "d.sock", {"/version": VERSION, "/info": {**INFO, "Warnings": None}}):
        assert probe(monkeypatch, folder / "d.sock").warnings == ()


BROKEN = {
    "an error of the daemon": ({"/version": (500, {"message": "boom"})}, "no-answer", "boom"),
    "an error later": (
        {"/version": VERSION, "/info": (500, {"message": "boom"})},
        "no-answer",
        "boom",
    ),
    "a plugin that forbids": (
        {"/version": VERSION, "/info": (403, {"message": "authorization denied by plugin"})},
        "no-permission",
        "authorization denied",
    ),
    "no Docker at all": ({}, "bad-host", "not found"),
    "a web page": ({"/version": b"<html>hello"}, "bad-host", ""),
    "JSON of something else": ({"/version": [1, 2]}, "bad-host", ""),
    "half an answer": ({"/version": VERSION, "/info": {"NCPU": 4}}, "bad-host", "MemTotal"),
    "an answer that cannot be": (
        {"/version": VERSION, "/info": {**INFO, "NCPU": -1}},
        "bad-host",
        "NCPU",
    ),
    "a daemon from before our API": (
        {"/version": {"Version": "1.9", "ApiVersion": "1.21"}, "/info": INFO},
        "bad-host",
        "no longer supported",
    ),
}


@pytest.mark.parametrize(("answers", "state", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_another_program_answers(
    monkeypatch: pytest.MonkeyPatch, folder: Path, answers: dict[str, Any], state: str, message: str
) -> None:
    with engine_at(folder / "d.sock", answers):
        found = probe(monkeypatch, folder / "d.sock")
    assert isinstance(found, NoEngine)
    assert found.state == state
    assert message in found.detail


@pytest.mark.parametrize(
    "answers",
    [{"/version": "hang"}, {"/version": VERSION, "/info": "hang"}],
    ids=["first", "later"],
)
def test_an_engine_that_stops_answering(
    monkeypatch: pytest.MonkeyPatch, folder: Path, answers: dict[str, Any]
) -> None:
    with engine_at(folder / "d.sock", answers):
        found = probe(monkeypatch, folder / "d.sock", timeout=0.6)
    assert found.state == "no-answer"
    assert found.detail.endswith("did not answer within 0.6 s")


def test_a_daemon_that_accepts_but_never_answers(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    with bind_socket(folder / "d.sock") as server:
        server.listen()
        found = probe(monkeypatch, folder / "d.sock", timeout=0.6)
    assert found.state == "no-answer"
    assert (
        found.detail == f"the Docker daemon at unix://{folder}/d.sock did not answer within 0.6 s"
    )


def test_a_daemon_that_accepts_no_more_connections(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    with bind_socket(folder / "d.sock") as server:
        server.listen(0)
        waiting = []
        for _ in range(3):  # more than the queue holds, so the next one must wait
            one = socket.socket(socket.AF_UNIX)
            one.setblocking(False)
            one.connect_ex(str(folder / "d.sock"))
            waiting.append(one)
        found = probe(monkeypatch, folder / "d.sock", timeout=0.3)
        for one in waiting:
            one.close()
    assert found.state == "no-answer"


def test_a_socket_left_by_a_dead_daemon(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    with bind_socket(folder / "d.sock"):
        found = probe(monkeypatch, folder / "d.sock")
    assert (found.state, found.detail) == ("not-running", "Connection refused")


def test_no_socket(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    found = probe(monkeypatch, folder / "none.sock")
    assert (found.state, found.detail) == ("not-running", "No such file or directory")


def test_a_port_where_nothing_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening
        found = probe(monkeypatch, f"tcp://127.0.0.1:{taken.getsockname()[1]}")
    assert (found.state, found.detail) == ("not-running", "Connection refused")


def test_an_unknown_host_name(monkeypatch: pytest.MonkeyPatch) -> None:
    found = probe(monkeypatch, "tcp://no-such-host.invalid:2375")
    assert found.state == "bad-host"


def test_a_path_too_long_for_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    found = probe(monkeypatch, f"unix:///{'x' * 200}")
    assert (found.state, found.detail) == ("bad-host", "AF_UNIX path too long")


def test_missing_certificates(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(folder / "certs"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = probe(monkeypatch, f"tcp://127.0.0.1:{server.getsockname()[1]}", timeout=0.5)
    assert isinstance(found, NoEngine)


def test_no_permission_on_the_socket(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    with bind_socket(folder / "d.sock") as server:
        server.listen()
        (folder / "d.sock").chmod(0o600 if os.geteuid() == 0 else 0)
        with drop_root():
            found = probe(monkeypatch, folder / "d.sock")
    assert (found.state, found.detail) == ("no-permission", "Permission denied")
    assert found.socket_group


@contextmanager
def drop_root() -> Iterator[None]:
    """Switch to another user if this one is root, who may open every socket."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def replace_default_socket(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Replace the default socket's path, so that the tests do not use the host's engine."""
    host = f"unix://{path}"
    monkeypatch.setattr("infra.host.probes.docker.engine.DEFAULT_HOST", host)
    monkeypatch.setattr(sockets, "DEFAULT_HOST", host)
    monkeypatch.setenv("DOCKER_HOST", host)


@pytest.mark.parametrize(
    ("program", "state"),
    [(None, "not-installed"), ("docker", "not-running"), ("dockerd", "not-running")],
)
def test_not_installed_means_no_program_and_no_socket(
    monkeypatch: pytest.MonkeyPatch, folder: Path, program: str | None, state: str
) -> None:
    replace_default_socket(monkeypatch, folder / "d.sock")
    monkeypatch.setenv("PATH", str(folder))
    if program:
        (folder / program).touch(0o755)
    assert docker.probe(Deadline(5)).state == state


def test_other_engines_sockets_are_named(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    replace_default_socket(monkeypatch, folder / "d.sock")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    monkeypatch.setenv("HOME", str(folder / "nobody"))
    with bind_socket(folder / "docker.sock"):
        found = docker.probe(Deadline(5))
    assert isinstance(found, NoEngine)
    assert found.other_sockets == (f"unix://{folder}/docker.sock",)


@pytest.mark.parametrize(
    ("script", "state", "message"),
    [
        ("echo 'ssh: Could not resolve hostname far' >&2; exit 1", "bad-host", "far"),
        (
            "echo 'ana@far: Permission denied (publickey).' >&2; exit 1",
            "no-permission",
            "publickey",
        ),
        ("echo 'Host key verification failed.' >&2; exit 1", "no-permission", "key"),
        ("echo 'connect to host far: Connection refused' >&2; exit 1", "not-running", "refused"),
        ("exec sleep 30", "no-answer", "within 0.5 s"),
        ("echo nonsense", "no-answer", "cannot parse"),
    ],
)
def test_an_engine_behind_ssh_never_hangs(
    monkeypatch: pytest.MonkeyPatch, folder: Path, script: str, state: str, message: str
) -> None:
    write_program(folder / "docker", script)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    found = probe(monkeypatch, "ssh://ana@far", timeout=0.5)
    assert isinstance(found, NoEngine)
    assert found.state == state
    assert message in found.detail


def test_an_engine_behind_ssh_answers(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    version, info = json.dumps(VERSION), json.dumps(INFO)
    script = f"case $1 in version) echo '{version}';; info) echo '{info}';; esac"
    write_program(folder / "docker", script)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    found = probe(monkeypatch, "ssh://ana@far")
    assert isinstance(found, Engine)
    assert (found.host, found.cpus) == ("ssh://ana@far", 16)


def test_ssh_needs_the_docker_program(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("PATH", str(folder))
    assert probe(monkeypatch, "ssh://ana@far").state == "not-installed"
