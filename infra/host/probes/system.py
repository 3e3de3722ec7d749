"""Identify the operating system and the kernel."""

import platform
import shlex
from pathlib import Path

from infra.host.errors import FileMissingError, ProbeError
from infra.host.facts import SystemFacts
from infra.host.files import read_text
from infra.host.probes.cgroup import list_v1_hierarchies
from infra.host.probes.kernel_release import find_modules

# Files that Docker and Podman create in their containers.
_CONTAINER_MARKS = (".dockerenv", "run/.containerenv")


def probe(root: Path = Path("/")) -> SystemFacts:
    """Return the facts about the operating system and the kernel."""
    name = platform.uname()
    wsl = "microsoft" in name.release.lower()
    in_container = any((root / mark).exists() for mark in _CONTAINER_MARKS)
    return SystemFacts(
        system=name.system,
        release=name.release,
        machine=name.machine,
        distribution=_read_distribution(root) or _read_product(name.system),
        wsl=wsl,
        wsl_gpu=(root / "dev/dxg").exists() if wsl else None,
        in_container=in_container,
        io_uring_disabled=_read_io_uring_disabled(root),
        kernel_modules=None if in_container else find_modules(name.release, root),
        cgroup_v1=_list_cgroup_hierarchies(root),
    )


def _read_distribution(root: Path) -> str:
    """Return `PRETTY_NAME` from os-release(5), or an empty string."""
    for path in ("etc/os-release", "usr/lib/os-release"):
        try:
            lines = read_text(root / path).splitlines()
        except ProbeError:
            continue
        for line in lines:
            key, _, value = line.partition("=")
            if key == "PRETTY_NAME":
                return _unquote(value)
    return ""


def _unquote(value: str) -> str:
    try:
        return " ".join(shlex.split(value))
    except ValueError:  # a quote is not closed
        return value.strip("\"' ")


def _read_product(system: str) -> str:
    version = platform.mac_ver()[0]
    return f"macOS {version}" if version else system


def _list_cgroup_hierarchies(root: Path) -> tuple[str, ...] | None:
    try:
        return list_v1_hierarchies(root)
    except ProbeError:  # the probes of CPU and memory report the error
        return None


def _read_io_uring_disabled(root: Path) -> int | None:
    """Return the kernel's setting, which has existed since Linux 6.6."""
    path = root / "proc/sys/kernel/io_uring_disabled"
    try:
        text = read_text(path).strip()
    except FileMissingError:
        return None
    if text not in ("0", "1", "2"):
        raise ProbeError(f"{path} contains {text[:20]!r}, which is not a valid value")
    return int(text)
