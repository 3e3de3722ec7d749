"""The disks on this host to which the stack writes."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from infra.host.errors import ProbeError
from infra.host.facts import NoEngine
from infra.host.probes import disks
from tests.support.hosts import engine, no_engine


@pytest.mark.parametrize(
    ("changes", "measured"),
    [
        ({}, True),
        ({"operating_system": "Docker Desktop"}, False),
        ({"host": "tcp://far:2375"}, False),
        ({"root_dir": "/no/such/folder"}, False),
        ({"root_dir": ""}, False),
    ],
)
def test_dockers_disk_only_if_it_is_on_this_host(
    tmp_path: Path, changes: dict[str, str], measured: bool
) -> None:
    found = disks.probe(tmp_path, lambda: engine(**{"root_dir": str(tmp_path), **changes}))
    assert ("docker" in [disk.purpose for disk in found]) is measured


def test_without_an_engine_the_other_disks_are_measured(tmp_path: Path) -> None:
    def fail() -> NoEngine:
        raise ProbeError("it hangs")

    for wait_for_docker in (lambda: no_engine("not-running"), fail):
        found = disks.probe(tmp_path, wait_for_docker)
        assert [disk.purpose for disk in found] == ["work", "temporary"]


@pytest.mark.parametrize(
    ("may_write", "flags", "fault"),
    [
        (True, 0, "none"),
        (False, os.ST_RDONLY, "read-only"),
        (False, 0, "no-permission"),
    ],
)
def test_why_the_work_folder_cannot_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, may_write: bool, flags: int, fault: str
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: may_write)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=flags))
    monkeypatch.setattr(disks.shutil, "disk_usage", lambda _: SimpleNamespace(total=2, free=1))
    work, temporary = disks.probe(tmp_path, lambda: no_engine("not-running"))
    assert (work.write_fault, temporary.write_fault) == (fault, None)


def test_a_missing_folder_is_on_its_parents_disk(tmp_path: Path) -> None:
    work = disks.probe(tmp_path / "not/yet", lambda: no_engine("not-running"))[0]
    assert work.path == str(tmp_path / "not/yet")
    assert work.total == disks.shutil.disk_usage(tmp_path).total


@pytest.mark.parametrize(
    ("driver", "folders", "measured"),
    [
        ("overlay2", ["var/lib/containerd"], None),
        ("overlayfs", ["var/lib/containerd"], "var/lib/containerd"),
        (
            "overlayfs",
            ["var/lib/containerd", "docker/containerd/daemon"],
            "docker/containerd/daemon",
        ),
        ("overlayfs", [], None),
    ],
)
def test_the_disk_of_containerds_images(
    tmp_path: Path, driver: str, folders: list[str], measured: str | None
) -> None:
    for folder in ("docker", *folders):
        (tmp_path / folder).mkdir(parents=True)
    docker = engine(driver=driver, root_dir=str(tmp_path / "docker"))

    found = disks.probe(tmp_path, lambda: docker, tmp_path)

    paths = [disk.path for disk in found if disk.purpose == "images"]
    assert paths == ([] if measured is None else [str(tmp_path / measured)])
