"""Find why the kernel does not load NVIDIA's module: not built, unsigned, or another driver."""

import os
import re
from pathlib import Path

from infra.host.errors import ProbeError
from infra.host.files import MAX_BYTES, read_text

# The variable of the UEFI specification, with its vendor's GUID: four bytes of attributes, then 1
# if Secure Boot is on.
_SECURE_BOOT = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_LENGTH = 5

# modules.dep(5): a line for each module of a kernel, with a path below its folder. Debian calls it
# nvidia-current.
_NVIDIA = re.compile(r"^(\S*/nvidia(?:-(?:current|tesla|legacy)[\w-]*)?\.ko(?:\.\w+)?):", re.M)
# include/linux/module_signature.h
_SIGNATURE = b"~Module signature appended~\n"


def has_nouveau(root: Path = Path("/")) -> bool | None:
    """Return whether nouveau is loaded; None if the list of modules cannot be read."""
    try:
        lines = read_text(root / "proc/modules").splitlines()
    except ProbeError:
        return None
    return any(line.startswith("nouveau ") for line in lines)


def read_secure_boot(root: Path = Path("/")) -> bool | None:
    """Return whether Secure Boot is on; None without UEFI or if it cannot be read."""
    try:
        with (root / _SECURE_BOOT).open("rb") as file:
            value = file.read(_LENGTH)
    except OSError:
        return None
    return value[-1] == 1 if len(value) == _LENGTH else None


def find_nvidia_module(root: Path = Path("/"), release: str | None = None) -> str | None:
    """Return the module's file for the running kernel; empty if it has none.

    None if the kernel's list of modules cannot be read, as in a container.
    """
    folder = Path("lib/modules") / (release or os.uname().release)
    try:
        modules = read_text(root / folder / "modules.dep")
    except ProbeError:
        return None
    match = _NVIDIA.search(modules)
    if match is None:
        return None if len(modules) >= MAX_BYTES else ""
    return f"/{folder / match[1]}"


def has_signature(module: str | None, root: Path = Path("/")) -> bool | None:
    """Return whether a module ends with a signature; None if it is compressed or does not exist."""
    if not module or not module.endswith(".ko"):
        return None
    try:
        with (root / module.lstrip("/")).open("rb") as file:
            file.seek(-len(_SIGNATURE), os.SEEK_END)
            return file.read() == _SIGNATURE
    except OSError:
        return None
