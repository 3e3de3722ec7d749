"""What keeps the kernel from loading NVIDIA's module: another driver, or a missing signature."""

from pathlib import Path

from infra.host.errors import ProbeError
from infra.host.files import read_text

# The variable of the UEFI specification, with its vendor's GUID: four bytes of attributes, and 1
# where Secure Boot is on.
_SECURE_BOOT = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_LENGTH = 5


def has_nouveau(root: Path = Path("/")) -> bool | None:
    """Return whether nouveau is loaded; None where the list of modules cannot be read."""
    try:
        lines = read_text(root / "proc/modules").splitlines()
    except ProbeError:
        return None
    return any(line.startswith("nouveau ") for line in lines)


def read_secure_boot(root: Path = Path("/")) -> bool | None:
    """Return whether Secure Boot is on; None without UEFI, or where it cannot be read."""
    try:
        with (root / _SECURE_BOOT).open("rb") as file:
            value = file.read(_LENGTH)
    except OSError:
        return None
    return value[-1] == 1 if len(value) == _LENGTH else None
