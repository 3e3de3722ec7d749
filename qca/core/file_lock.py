"""Lock files (flock); the kernel releases a lock when its process ends for any reason."""

import fcntl
import time
from pathlib import Path
from typing import IO, Any

from qca.core.plain_files import open_plain

# A process that checks a lock holds a shared lock for a few microseconds.
_TRIES, _PAUSE = 1000, 0.001  # seconds


def lock_exclusively(file: IO[Any]) -> None:
    """Lock an open file.

    Raises:
        BlockingIOError: another process has locked it.

    """
    for _ in range(_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # fails if it is really locked
            fcntl.flock(file, fcntl.LOCK_UN)
            time.sleep(_PAUSE)
        else:
            return
    raise BlockingIOError


def is_locked(path: Path) -> bool:
    """Return whether a process of this host has locked the file; False if there is no such file."""
    try:
        with open_plain(path, follow=False) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
