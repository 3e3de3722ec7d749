"""The probes with a real Docker Engine."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.host.deadline import Deadline
from infra.host.facts import Engine
from infra.host.probes import disks, docker
from tests.support.relay import relay_to


@pytest.fixture
def engine() -> Engine:
    """Return the engine of this machine, which is required in CI."""
    found = docker.probe(Deadline(20))
    if isinstance(found, Engine):
        return found
    reason = f"no Docker Engine answers at {found.host}: {found.state}, {found.detail}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def run_docker(*arguments: str) -> str:
    """Return the output of the `docker` program."""
    docker_program = shutil.which("docker")
    if docker_program is None:
        pytest.skip("there is no `docker` program on PATH to compare with")
    command = [docker_program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.strip()


@pytest.mark.parametrize(
    ("fact", "template"),
    [
        ("version", "{{.ServerVersion}}"),
        ("cpus", "{{.NCPU}}"),
        ("memory", "{{.MemTotal}}"),
        ("root_dir", "{{.DockerRootDir}}"),
        ("cgroup_version", "{{.CgroupVersion}}"),
        ("driver", "{{.Driver}}"),
        ("operating_system", "{{.OperatingSystem}}"),
        ("default_runtime", "{{.DefaultRuntime}}"),
    ],
)
def test_the_facts_equal_docker_info(engine: Engine, fact: str, template: str) -> None:
    assert str(getattr(engine, fact)) == run_docker("info", "--format", template)


def test_its_disk_is_measured_if_it_is_on_this_host(engine: Engine, tmp_path: Path) -> None:
    found = {disk.purpose: disk for disk in disks.probe(tmp_path, lambda: engine)}
    here = engine.host.startswith("unix://") and Path(engine.root_dir).exists()
    assert ("docker" in found) is here
    if here:
        assert found["docker"].total == shutil.disk_usage(engine.root_dir).total


def test_the_images_are_what_docker_lists(engine: Engine) -> None:
    found = docker.list_images(Deadline(20))

    tags = {name: image.size for image in found for name in image.names if "@" not in name}
    listed = run_docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
    assert set(tags) == {name for name in listed if "<none>" not in name}
    for name in list(tags)[:3]:
        assert str(tags[name]) == run_docker("image", "inspect", "--format", "{{.Size}}", name)


def test_it_is_also_found_through_tcp(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connect through a relay, as to a daemon on another machine."""
    if not engine.host.startswith("unix://"):
        pytest.skip("the engine is not on a Unix socket")
    with relay_to(engine.host.removeprefix("unix://")) as port:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
        found = docker.probe(Deadline(20))
    assert isinstance(found, Engine)
    assert (found.version, found.host) == (engine.version, f"tcp://127.0.0.1:{port}")
