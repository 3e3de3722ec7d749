"""System, CPU, memory, Python, ports and disks of this host, and what they say of others."""

import os
import socket
import sys
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError
from infra.host.facts import Engine, NoEngine
from infra.host.probes import compose, cpu, disks, listeners, memory, python, system

NO_ENGINE = NoEngine(state="not-running", host="unix:///x", detail="")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('PRETTY_NAME="Ubuntu 24.04.3 LTS"\n', "Ubuntu 24.04.3 LTS"),
        ("NAME=x\nPRETTY_NAME=Void\n", "Void"),
        ("PRETTY_NAME='Alpine Linux v3.22'\n", "Alpine Linux v3.22"),
        ('PRETTY_NAME="never closed\n', "never closed"),
        ("ID=nothing\n", os.uname().sysname),
    ],
)
def test_the_distribution_by_os_release(tmp_path: Path, text: str, name: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text(text)
    assert system.probe(tmp_path).distribution == name


@pytest.mark.parametrize("mark", [".dockerenv", "run/.containerenv"])
def test_a_container_is_recognised(tmp_path: Path, mark: str) -> None:
    assert not system.probe(tmp_path).in_container
    (tmp_path / mark).parent.mkdir(exist_ok=True)
    (tmp_path / mark).touch()
    assert system.probe(tmp_path).in_container


@pytest.mark.parametrize(("text", "value"), [("2\n", 2), ("0", 0), (None, None)])
def test_the_kernels_io_uring_switch(tmp_path: Path, text: str | None, value: int | None) -> None:
    if text is not None:
        (tmp_path / "proc/sys/kernel").mkdir(parents=True)
        (tmp_path / "proc/sys/kernel/io_uring_disabled").write_text(text)
    assert system.probe(tmp_path).io_uring_disabled == value


@pytest.mark.parametrize(
    ("release", "wsl"),
    [("6.6.87.2-microsoft-standard-WSL2", True), ("6.1.0-18-amd64", False)],
)
def test_wsl_by_its_kernel(monkeypatch: pytest.MonkeyPatch, release: str, wsl: bool) -> None:
    name = system.platform.uname()._replace(release=release)
    monkeypatch.setattr(system.platform, "uname", lambda: name)
    assert system.probe().wsl is wsl


def test_a_smaller_mask_is_seen() -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system has no affinity masks")
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert (cpu.probe().affinity, cpu.probe().online) == (1, os.cpu_count())
    finally:
        os.sched_setaffinity(0, before)


def test_a_system_that_does_not_tell_its_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    with pytest.raises(ProbeError, match="how many CPUs"):
        cpu.probe()


def test_memory_is_the_kernels() -> None:
    found = memory.probe(Path("/nowhere"))
    assert found.total == psutil.virtual_memory().total
    assert 0 < found.available <= found.total
    assert found.cgroup_limit is None


def test_this_python_is_described_without_importing_torch() -> None:
    torch_was_there = "torch" in sys.modules
    found = python.probe()
    assert found.executable == sys.executable
    assert found.version == ".".join(map(str, sys.version_info[:3]))
    assert "docker" in found.distributions
    assert ("torch" in sys.modules) == torch_was_there


TORCH = {
    "a CUDA build": ("cuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n", "13.0"),
    "a CPU build": ("cuda: Optional[str] = None\n", None),
    "an older file": ('cuda = "11.8"\n', "11.8"),
}


@pytest.mark.parametrize(("text", "cuda"), TORCH.values(), ids=TORCH.keys())
def test_torchs_cuda_is_read_from_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, cuda: str | None
) -> None:
    install_torch(monkeypatch, tmp_path, f"__version__ = '2.13.0'\ndebug = False\n{text}")
    assert python.probe().torch_cuda == cuda


def test_a_torch_that_does_not_say_its_cuda_is_no_cpu_build(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install_torch(monkeypatch, tmp_path, "__version__ = '2.13.0'\n")
    with pytest.raises(ProbeError, match="for which CUDA"):
        python.probe()


def install_torch(monkeypatch: pytest.MonkeyPatch, folder: Path, version: str) -> None:
    (folder / "torch").mkdir()
    (folder / "torch/__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "torch/version.py").write_text(version)
    (folder / "torch-2.13.0.dist-info").mkdir()
    (folder / "torch-2.13.0.dist-info/METADATA").write_text("Name: torch\nVersion: 2.13.0\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "torch", raising=False)


def test_a_port_in_use_is_listed_with_its_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        mine = [one for one in listeners.probe() if one.port == port]
    assert [(one.address, one.pid) for one in mine] == [("127.0.0.1", os.getpid())]
    assert mine[0].process == psutil.Process().name()


def test_a_connection_is_no_listener() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        port = client.getsockname()[1]
        assert port not in [one.port for one in listeners.probe()]


def test_a_list_that_only_root_may_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(kind: str) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", denied)
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(ProbeError, match="macOS tells only root"):
        listeners.probe()


def engine(root: Path, **changes: str) -> Engine:
    values: dict[str, object] = {
        "cpus": 1,
        "memory": 1,
        "runtimes": (),
        "cdi_devices": (),
        "security_options": (),
        "host": "unix:///var/run/docker.sock",
        "context": "default",
        "version": "28.5.2",
        "api_version": "1.51",
        "operating_system": "Debian GNU/Linux 13 (trixie)",
        "cgroup_version": "2",
        "driver": "overlay2",
        "root_dir": str(root),
    }
    return Engine(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({}, True),
        ({"operating_system": "Docker Desktop"}, False),
        ({"host": "tcp://far:2375"}, False),
        ({"root_dir": "/no/such/folder"}, False),
        ({"root_dir": ""}, False),
    ],
)
def test_dockers_disk_only_where_it_is_on_this_host(
    tmp_path: Path, changes: dict[str, str], seen: bool
) -> None:
    found = disks.probe(tmp_path, lambda: engine(tmp_path, **changes))
    assert ("docker" in [disk.purpose for disk in found]) is seen


def test_without_an_engine_the_other_disks_are_measured(tmp_path: Path) -> None:
    def unseen() -> NoEngine:
        raise ProbeError("it hangs")

    for docker in (lambda: NO_ENGINE, unseen):
        found = disks.probe(tmp_path, docker)
        assert [disk.purpose for disk in found] == ["work", "temporary"]


def test_a_folder_that_is_not_made_yet_is_on_its_parents_disk(tmp_path: Path) -> None:
    work = disks.probe(tmp_path / "not/yet", lambda: NO_ENGINE)[0]
    assert work.path == str(tmp_path / "not/yet")
    assert work.total == disks.shutil.disk_usage(tmp_path).total


COMPOSE = {
    # What `docker compose version` prints, and its exit code, as testbeds showed them.
    "2.40, as Docker ships it": ("Docker Compose version v2.40.3", "", 0, "2.40.3"),
    "Debian's, without the v": ("Docker Compose version 2.26.1-4", "", 0, "2.26.1-4"),
    "after the jump": ("Docker Compose version v5.0.0", "", 0, "5.0.0"),
    "Podman's word before it": (
        "Docker Compose version v2.40.3",
        '>>>> Executing external compose provider "/usr/bin/docker-compose". <<<<',
        0,
        "2.40.3",
    ),
    "client 28 without the plugin": ("", "docker: unknown command: docker compose", 1, None),
    "a warning before it": (
        "",
        "WARNING: Error parsing config file (/c): x\ndocker: unknown command: docker compose",
        1,
        None,
    ),
    "client 20.10 without it": ("", "docker: 'compose' is not a docker command.", 1, None),
}


@pytest.mark.parametrize(
    ("stdout", "stderr", "code", "version"), COMPOSE.values(), ids=COMPOSE.keys()
)
def test_the_compose_plugin(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    stdout: str,
    stderr: str,
    code: int,
    version: str | None,
) -> None:
    docker(monkeypatch, tmp_path, f"cat {tmp_path}/out; cat {tmp_path}/err >&2; exit {code}")
    (tmp_path / "out").write_text(stdout)
    (tmp_path / "err").write_text(stderr)
    found = compose.probe(Deadline(5))
    if version:
        assert asdict(found) == {
            "found": True,
            "version": version,
            "docker_client": str(tmp_path / "docker"),
        }
    else:
        assert asdict(found) == {"found": False, "detail": stderr.splitlines()[-1]}


def test_no_docker_program_no_plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not compose.probe(Deadline(5)).found


@pytest.mark.parametrize("script", ["echo hello", "exec sleep 20", "exec yes"])
def test_a_program_that_is_not_docker_is_no_verdict(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    docker(monkeypatch, tmp_path, script)
    with pytest.raises(ProbeError):
        compose.probe(Deadline(0.5))


def docker(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Put a `docker` on PATH that notes its arguments and does as the script says."""
    program = folder / "docker"
    program.write_text(f'#!/bin/sh\n[ "$*" = "compose version" ] || exit 9\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
