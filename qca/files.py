"""Writing files so that a reader never sees half of one."""

import contextlib
import os
import tempfile
from pathlib import Path

from qca.errors import LaunchError


def write_atomically(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write `text` to `path` as a whole: under a temporary name, flushed, then renamed.

    Raises:
        LaunchError: the folder cannot be written or the disk is full; `path` is as before.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise _cannot_write(path, error) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()


def _cannot_write(path: Path, error: OSError) -> LaunchError:
    return LaunchError(
        f"cannot write {path}: {error.strerror}",
        hint="Check the folder's permissions and the free space of its disk.",
    )
