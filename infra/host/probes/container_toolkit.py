"""Probe the NVIDIA Container Toolkit through its files; only its version needs a program."""

import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError
from infra.host.facts import CdiSpec, ContainerToolkit
from infra.host.files import read_text

_CDI_DIRS = ("etc/cdi", "var/run/cdi")  # the engine's default folders for CDI files
_HOOK, _CDI_HOOK = "nvidia-container-runtime-hook", "nvidia-cdi-hook"
# "NVIDIA Container Toolkit CLI version 1.17.8"
_VERSION = re.compile(r"\bversion v?(\d\S*)")

# The configuration that dockerd runs the toolkit with:
# https://github.com/NVIDIA/nvidia-container-toolkit (config.toml).
_CONFIG = "etc/nvidia-container-runtime/config.toml"
_NO_CGROUPS = re.compile(r"^\s*no-cgroups\s*=\s*true\b", re.M)

# WSL's libcuda.so.1.1 does not name the driver's version, which begins with three digits. In YAML
# and in JSON: `hostPath: /usr/lib/.../libcuda.so.580.95.05`, `"path": "/dev/nvidia0"`.
_DRIVER_LIBRARY = re.compile(r"/lib(?:cuda|nvidia-ml)\.so\.(\d{3,}\.[\d.]*\d)")
_DEVICE_FILE = re.compile(r"[pP]ath\"?:\s*\"?(/dev/nvidia[\w./-]*)")


def read_container_toolkit(root: Path, deadline: Deadline) -> ContainerToolkit:
    """Return the installed parts; a part that cannot be read counts as missing."""
    cdi_hook = shutil.which(_CDI_HOOK)
    return ContainerToolkit(
        cdi_hook=cdi_hook,
        hook_changed=_read_change_time(shutil.which(_HOOK) or cdi_hook),
        no_cgroups=bool(_NO_CGROUPS.search(_read_or_empty(root / _CONFIG))),
        char_links=_has_char_links(root / "dev/char"),
        cdi_specs=tuple(_read_spec(path, root) for path in find_cdi_files(root)),
        version=_ask_version(deadline),
    )


def _ask_version(deadline: Deadline) -> str | None:
    program = shutil.which("nvidia-ctk")
    if program is None:
        return ""
    try:
        match = _VERSION.search(deadline.run([program, "--version"]).stdout)
    except ProbeError:
        return None
    return match[1] if match else None


def find_cdi_files(root: Path) -> tuple[Path, ...]:
    """Return the CDI files with `nvidia` in their names, the convention for NVIDIA devices."""
    files: list[Path] = []
    for folder in _CDI_DIRS:
        with suppress(OSError):
            files += [path for path in (root / folder).iterdir() if "nvidia" in path.name]
    return tuple(sorted(files))


def _read_spec(path: Path, root: Path) -> CdiSpec:
    text = _read_or_empty(path)
    version = _DRIVER_LIBRARY.search(text)
    return CdiSpec(
        path=str(path),
        driver_version=version[1] if version else None,
        missing=tuple(_list_missing(set(_DEVICE_FILE.findall(text)), root)),
    )


def _list_missing(device_files: set[str], root: Path) -> Iterator[str]:
    for name in sorted(device_files):
        if not (root / name.lstrip("/")).exists():
            yield name


def _read_change_time(program: str | None) -> int | None:
    """Return the ctime of a program; its mtime is when the package was built."""
    if program is None:
        return None
    try:
        return int(Path(program).stat().st_ctime)
    except OSError:
        return None


def _has_char_links(folder: Path) -> bool:
    with suppress(OSError):
        return any("nvidia" in str(link.readlink()) for link in folder.iterdir())
    return False


def _read_or_empty(path: Path) -> str:
    try:
        return read_text(path)
    except ProbeError:
        return ""
