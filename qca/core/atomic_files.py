"""Writing files so that a reader, or a crash, never sees half of one. Needs no torch."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from qca.core.errors import LaunchError

_UNFINISHED = ".qca-unfinished"  # nobody else names a file so
_being_written: set[Path] = set()


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; what is written there becomes `path` at the end.

    The new content is on the disk before it gets the name. If the block raises, `path`
    is as it was and the temporary file is gone.
    """
    unfinished = path.with_name(path.name + _UNFINISHED)
    _being_written.add(unfinished)
    try:
        yield unfinished
        sync(unfinished)
        unfinished.replace(path)
        sync(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)
        _being_written.discard(unfinished)


def drop_unfinished() -> None:
    """Remove what this process is writing: for one that ends without unwinding its blocks."""
    for path in tuple(_being_written):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed process had begun to write in `folder`."""
    for path in folder.glob(f"*{_UNFINISHED}"):
        path.unlink(missing_ok=True)


def write_atomically(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a small file with `replace_file`; its folder is made if it is not there.

    Raises:
        LaunchError: the folder cannot be written or the disk is full; `path` is as before.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(path) as unfinished:
            unfinished.touch(0o600)  # nobody reads a secret before it has its mode
            unfinished.write_text(text, encoding="utf-8")
            unfinished.chmod(mode)
    except OSError as error:
        raise LaunchError(
            f"cannot write {path}: {error.strerror}",
            hint="Check the folder's permissions and the free space of its disk.",
        ) from None
