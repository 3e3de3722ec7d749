"""The folder of the running kernel's modules, which an update may remove."""

from pathlib import Path

import pytest

from infra.host.probes import system
from infra.host.probes.kernel_release import find_modules

OLD, NEW = "6.17.1-arch1-1", "6.17.2-arch1-1"
LOADED = "veth 49152 0 - Live 0x0000000000000000\n"
NIXOS = "run/booted-system/kernel-modules/lib/modules"


@pytest.mark.parametrize(
    ("folders", "loaded", "found"),
    [
        ([f"lib/modules/{OLD}", f"lib/modules/{NEW}"], LOADED, "present"),
        ([f"lib/modules/{NEW}"], LOADED, "missing"),
        ([f"{NIXOS}/{OLD}"], LOADED, "present"),
        # Kernels of virtual machines; /lib/modules may have those of the distribution's packages.
        ([f"lib/modules/{NEW}"], "", "built-in"),
        ([], "", "built-in"),
        (["proc"], None, "built-in"),
        # Containers without a mark have no modules of their own.
        ([], LOADED, None),
        (["lib/modules"], LOADED, None),
        ([f"lib/modules/{NEW}"], None, None),
    ],
)
def test_the_modules_of_the_running_kernel(
    tmp_path: Path, folders: list[str], loaded: str | None, found: str | None
) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    if loaded is not None:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc/modules").write_text(loaded)

    assert find_modules(OLD, tmp_path) == found


def test_a_container_shows_another_systems_folder(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/modules").write_text(LOADED)
    (tmp_path / "lib/modules" / NEW).mkdir(parents=True)
    assert system.probe(tmp_path).kernel_modules == "missing"

    (tmp_path / ".dockerenv").touch()
    assert system.probe(tmp_path).kernel_modules is None
