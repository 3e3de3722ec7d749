"""The distribution, the container and the kernel of the system."""

import os
from pathlib import Path

import pytest

from infra.host.probes import system


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
def test_the_kernels_io_uring_setting(tmp_path: Path, text: str | None, value: int | None) -> None:
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


@pytest.mark.parametrize("has_gpu", [True, False])
def test_a_gpu_provided_by_windows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, has_gpu: bool
) -> None:
    assert system.probe(tmp_path).wsl_gpu is None
    uname = os.uname()
    release = "5.15.153.1-microsoft-standard-WSL2"
    named = type("Uname", (), {"system": "Linux", "release": release, "machine": uname.machine})
    monkeypatch.setattr(system.platform, "uname", named)
    (tmp_path / "dev").mkdir()
    if has_gpu:
        (tmp_path / "dev/dxg").touch()
    assert system.probe(tmp_path).wsl_gpu is has_gpu


@pytest.mark.parametrize(
    ("text", "hierarchies"), [("2:cpu:/\n1:memory:/\n", ("cpu", "memory")), ("nonsense", None)]
)
def test_cgroup_hierarchies_that_cannot_be_read_do_not_hide_the_system(
    tmp_path: Path, text: str, hierarchies: tuple[str, ...] | None
) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(text)
    assert system.probe(tmp_path).cgroup_v1 == hierarchies
