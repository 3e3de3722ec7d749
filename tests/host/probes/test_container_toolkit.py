"""The NVIDIA Container Toolkit is identified by its files."""

import time
from pathlib import Path

import pytest

from infra.host.deadline import Deadline
from infra.host.facts import CdiSpec
from infra.host.probes.container_toolkit import read_container_toolkit
from tests.support.fake_programs import write_program

# The output of `nvidia-ctk cdi generate`, shortened.
YAML = """---
cdiVersion: 0.5.0
kind: nvidia.com/gpu
devices:
    - name: "0"
      containerEdits:
        deviceNodes:
            - path: /dev/nvidia0
            - path: /dev/dri/card1
containerEdits:
    deviceNodes:
        - path: /dev/nvidiactl
    mounts:
        - containerPath: /usr/lib/x86_64-linux-gnu/libcuda.so.575.57.08
          hostPath: /usr/lib/x86_64-linux-gnu/libcuda.so.575.57.08
"""
JSON = (
    '{"kind": "nvidia.com/gpu", "devices": [{"name": "0", "containerEdits": {"deviceNodes": '
    '[{"path": "/dev/nvidia0"}], "mounts": [{"hostPath": "/lib/libnvidia-ml.so.580.95.05"}]}}]}'
)
WSL = """---
devices:
    - name: all
      containerEdits:
        deviceNodes:
            - path: /dev/dxg
        mounts:
            - hostPath: /usr/lib/wsl/drivers/nv_dispi.inf_amd64/libcuda.so.1.1
"""


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, the only one on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def write(root: Path, name: str, text: str = "") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_without_a_toolkit_nothing_is_found(tmp_path: Path) -> None:
    found = read_container_toolkit(tmp_path, Deadline(5))
    assert (found.cdi_hook, found.hook_changed, found.no_cgroups) == (None, None, False)
    assert (found.char_links, found.cdi_specs) == (False, ())


@pytest.mark.parametrize("name", ["nvidia-container-runtime-hook", "nvidia-cdi-hook"])
def test_the_hooks_time_is_that_of_its_installation(
    tmp_path: Path, programs: Path, name: str
) -> None:
    program = write(programs, name)
    program.chmod(0o755)
    found = read_container_toolkit(tmp_path, Deadline(5))
    assert found.cdi_hook == (str(program) if name == "nvidia-cdi-hook" else None)
    assert found.hook_changed is not None
    assert abs(found.hook_changed - time.time()) < 60


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[nvidia-container-cli]\nno-cgroups = true\n", True),
        ("[nvidia-container-cli]\n#no-cgroups = true\n", False),
        ("no-cgroups = false\n", False),
    ],
)
def test_the_setting_for_rootless_engines(tmp_path: Path, text: str, expected: bool) -> None:
    write(tmp_path, "etc/nvidia-container-runtime/config.toml", text)
    assert read_container_toolkit(tmp_path, Deadline(5)).no_cgroups is expected


def test_links_to_device_files(tmp_path: Path) -> None:
    (tmp_path / "dev/char").mkdir(parents=True)
    (tmp_path / "dev/char/1:3").symlink_to("../null")
    assert not read_container_toolkit(tmp_path, Deadline(5)).char_links
    (tmp_path / "dev/char/195:0").symlink_to("../nvidia0")
    assert read_container_toolkit(tmp_path, Deadline(5)).char_links


@pytest.mark.parametrize(
    ("text", "version", "missing"),
    [
        (YAML, "575.57.08", ("/dev/nvidiactl",)),
        (JSON, "580.95.05", ()),
        (WSL, None, ()),
        ("not what it seems: [", None, ()),
    ],
)
def test_the_driver_of_a_cdi_file(
    tmp_path: Path, text: str, version: str | None, missing: tuple[str, ...]
) -> None:
    path = write(tmp_path, "etc/cdi/nvidia.yaml", text)
    write(tmp_path, "dev/nvidia0")
    assert read_container_toolkit(tmp_path, Deadline(5)).cdi_specs == (
        CdiSpec(path=str(path), driver_version=version, missing=missing),
    )


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo NVIDIA Container Toolkit CLI version 1.17.8; echo commit: f2027571", "1.17.8"),
        ("echo NVIDIA Container Toolkit CLI version unknown", None),
        ("exit 1", None),
        ("exec sleep 20", None),
        (None, ""),
    ],
)
def test_its_version_comes_from_the_toolkit(
    tmp_path: Path, programs: Path, script: str | None, version: str | None
) -> None:
    if script:
        write_program(programs / "nvidia-ctk", script.replace("exec sleep", "exec /bin/sleep"))
    assert read_container_toolkit(tmp_path, Deadline(0.5)).version == version
