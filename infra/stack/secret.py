"""The store's password: one file, for the user in the containers alone.

Compose mounts a file secret with the host's owner and mode, whatever the file says about them
(compose issue 9648). So the containers run as the file's owner: the user who starts them, or
Dragonfly's own user where root starts them, who must not run them as itself.
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
    """Return whose the file is, and with it what the containers write: user and group."""
    if os.getuid() == 0:
        return DRAGONFLY_UID, DRAGONFLY_UID
    return os.getuid(), os.getgid()


def check_secret(path: Path) -> None:
    """Refuse a password file that is there and not as `ensure_secret` makes it.

    Raises:
        InputError: others can read it, or the containers cannot.

    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        wrong = "is no plain file"
    elif found.st_mode & 0o077:
        wrong = "others can read the store's password"
    elif found.st_uid != find_secret_owner()[0]:
        wrong = (
            f"belongs to user {found.st_uid}; the containers run as user {find_secret_owner()[0]}"
        )
    else:
        return
    raise InputError(
        f"{path}: {wrong}",
        hint="Take the stack down with `qca down` and start anew: a new file is made.",
    )


def ensure_secret(path: Path) -> None:
    """Make the password file, unless there is one.

    Raises:
        InputError: the one that is there must not be used.
        LaunchError: it cannot be written.

    """
    if path.exists():
        check_secret(path)
        return
    write_atomically(path, f"--requirepass={secrets.token_hex(32)}\n", mode=0o400)
    if os.getuid() == 0:
        os.chown(path, *find_secret_owner())
