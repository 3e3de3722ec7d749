"""Writing files so that a reader, or a crash, never sees half of one. Needs no torch."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_UNFINISHED = ".unfinished"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; what is written there becomes `path` at the end.

    The new content is on the disk before it gets the name. If the block raises, `path`
    is as it was and the temporary file is gone.
    """
    unfinished = path.with_name(path.name + _UNFINISHED)
    try:
        yield unfinished
        sync(unfinished)
        unfinished.replace(path)
        sync(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a small file with `replacing`."""
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


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
