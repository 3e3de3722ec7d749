"""Find out why the kernel does not load NVIDIA's module: not built, unsigned, or another driver."""

import os
import re
from pathlib import Path

from infra.host.errors import ProbeError
from infra.host.files import MAX_BYTES, read_text

# The firmware's variables, which every user may read, and the one in which shim shows that its
# checks were turned off (`mokutil --disable-validation`). `mokutil --sb-state` reads the same ones.
_VARIABLES = "sys/firmware/efi/efivars"
_SECURE_BOOT = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_SETUP_MODE = "SetupMode-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_UNCHECKED = "MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23"
# efivarfs: four bytes of attributes, then the value, which is one byte for each of these.
_LENGTH = 5
_NON_VOLATILE = 1

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
    """Return whether Secure Boot restricts the kernel; None if it cannot be read, as without UEFI.

    This follows the kernel's rule: Secure Boot is off in setup mode, and if shim's checks were
    turned off (Linux, drivers/firmware/efi/libstub/secureboot.c).
    """
    secure_boot = _read_variable(root, _SECURE_BOOT)
    if secure_boot is None:
        return None
    setup_mode, unchecked = _read_variable(root, _SETUP_MODE), _read_variable(root, _UNCHECKED)
    # shim never sets a variable that survives a reboot.
    is_off = unchecked is not None and unchecked[-1] == 1 and not unchecked[0] & _NON_VOLATILE
    is_setup = setup_mode is not None and setup_mode[-1] == 1
    return secure_boot[-1] == 1 and not is_setup and not is_off


def _read_variable(root: Path, name: str) -> bytes | None:
    """Return the attributes and the value of a firmware variable; None if it cannot be read."""
    try:
        with (root / _VARIABLES / name).open("rb") as file:
            content = file.read(_LENGTH)
    except OSError:
        return None
    return content if len(content) == _LENGTH else None


def find_nvidia_module(root: Path = Path("/"), release: str | None = None) -> str | None:
    """Return the module's file for the running kernel; empty if it has none.

    Return None if the kernel's list of modules cannot be read, as in a container.
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
