"""The store's password file, which only the containers' user can read.

Compose mounts a file secret with its owner and mode on the host, and ignores other settings
(compose issue 9648). So the containers run as the file's owner. That is the user who starts them,
or Dragonfly's own user if root starts them, because they must not run as root.
"""

import os
import secrets
import stat
from pathlib import Path

from qca.core.atomic_files import write_atomically
from qca.core.errors import InputError

# The user `dfly` of Dragonfly's image (tools/packaging/Dockerfile.ubuntu-prod).
DRAGONFLY_UID = 999


def find_secret_owner() -> tuple[int, int]:
    """Return the user and group that own the file and everything that the containers write."""
    if os.getuid() == 0:
        return DRAGONFLY_UID, DRAGONFLY_UID
    return os.getuid(), os.getgid()


def check_secret(path: Path) -> None:
    """Refuse an existing password file that `ensure_secret` cannot have created.

    Raises:
        InputError: it is not a plain file, other users can read it, or the containers cannot.

    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        wrong = "is not a plain file"
    elif found.st_mode & 0o077:
        wrong = "other users can read the store's password"
    elif found.st_uid != find_secret_owner()[0]:
        wrong = (
            f"belongs to user {found.st_uid}; the containers run as user {find_secret_owner()[0]}"
        )
    else:
        return
    raise InputError(
        f"{path}: {wrong}",
        hint="Remove the stack with `qca down` and start it again, which creates a new file.",
    )


def ensure_secret(path: Path) -> None:
    """Create the password file, unless it exists.

    Raises:
        InputError: the existing file must not be used.
        LaunchError: the file cannot be written.

    """
    if path.exists():
        check_secret(path)
        return
    write_atomically(path, f"--requirepass={secrets.token_hex(32)}\n", mode=0o400)
    if os.getuid() == 0:
        os.chown(path, *find_secret_owner())
