"""Operating system and kernel."""

import platform
import shlex
from pathlib import Path

from infra.host.deadline import NotThereError, ProbeError, read_text
from infra.host.facts.host import SystemFacts

# Left by Docker and by Podman in the containers they start.
_CONTAINER_MARKS = (".dockerenv", "run/.containerenv")


def probe(root: Path = Path("/")) -> SystemFacts:
    """Return what runs here."""
    name = platform.uname()
    return SystemFacts(
        system=name.system,
        release=name.release,
        machine=name.machine,
        distribution=_distribution(root) or _product(name.system),
        wsl="microsoft" in name.release.lower(),
        in_container=any((root / mark).exists() for mark in _CONTAINER_MARKS),
        io_uring_disabled=_io_uring_disabled(root),
    )


def _distribution(root: Path) -> str:
    """Return `PRETTY_NAME` as os-release(5) writes it, or nothing."""
    for path in ("etc/os-release", "usr/lib/os-release"):
        try:
            lines = read_text(root / path).splitlines()
        except ProbeError:
            continue
        for line in lines:
            key, _, value = line.partition("=")
            if key == "PRETTY_NAME":
                return _unquoted(value)
    return ""


def _unquoted(value: str) -> str:
    try:
        return " ".join(shlex.split(value))
    except ValueError:  # a quote that is not closed
        return value.strip("\"' ")


def _product(system: str) -> str:
    version = platform.mac_ver()[0]
    return f"macOS {version}" if version else system


def _io_uring_disabled(root: Path) -> int | None:
    """Return the kernel's setting (Linux 6.6 and newer have it)."""
    path = root / "proc/sys/kernel/io_uring_disabled"
    try:
        text = read_text(path).strip()
    except NotThereError:
        return None
    if text not in ("0", "1", "2"):
        raise ProbeError(f"{path} says {text[:20]!r}, which is none of its values")
    return int(text)
