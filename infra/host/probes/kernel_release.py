"""Find out whether the running kernel can still load its modules."""

from pathlib import Path
from typing import Literal

from infra.host.errors import FileMissingError, ProbeError
from infra.host.files import read_text

# The folders with a subfolder for each kernel; NixOS uses the second, for the booted kernel.
_FOLDERS = ("lib/modules", "run/booted-system/kernel-modules/lib/modules")


def find_modules(
    release: str, root: Path = Path("/")
) -> Literal["present", "missing", "built-in"] | None:
    """Return whether this release's modules exist, or `built-in` if the kernel has loaded none.

    Return None if that cannot be determined, as on a system without a folder of modules.
    """
    folders = [root / folder for folder in _FOLDERS]
    try:
        if any((folder / release).is_dir() for folder in folders):
            return "present"
        has_kernels = any(folder.is_dir() and any(folder.iterdir()) for folder in folders)
    except OSError:
        return None
    has_loaded = _has_loaded_modules(root)
    if has_loaded is False:
        return "built-in"
    return "missing" if has_loaded and has_kernels else None


def _has_loaded_modules(root: Path) -> bool | None:
    """Return whether any module is loaded; None if the list cannot be read.

    A kernel that was built without support for modules has no list.
    """
    try:
        return bool(read_text(root / "proc/modules").strip())
    except FileMissingError:
        return False if (root / "proc").is_dir() else None
    except ProbeError:
        return None
