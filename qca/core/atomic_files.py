"""Writing files so that a reader, or a crash, never sees half of one. Needs no torch.

A file is written in a temporary folder of its own beside the target, which holds whatever a
library makes on the way, and then renamed. The folder has a random name and is locked while it is
used, so that another process can tell it from one that a killed process has left.
"""

import errno
import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from qca.core.errors import LaunchError
from qca.core.plain_files import check_plain

_UNFINISHED = ".qca-unfinished"  # nobody else names a file so

# The temporary file of the library safetensors, which 0.1.0 had in the folder itself.
_SAFETENSORS_UNFINISHED = re.compile(r"\.tmp[A-Za-z0-9]{6}")

_HINT = "Check the folder's permissions and the free space of its disk."

# The kernel itself follows no more (path_resolution(7)).
_MOST_LINKS = 40

_being_written: set[Path] = set()


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Give a temporary path near `path`; what is written there becomes `path` at the end.

    The new content is on the disk before it gets the name. If the block raises, `path`
    is as it was and the temporary file is gone.

    Raises:
        OSError: `path` is a link, a device or a folder, or the folder cannot be written.

    """
    check_plain(path, follow=False)
    with _make_temporary_folder(path.parent) as folder:
        unfinished = folder / path.name
        yield unfinished
        sync(unfinished)
        unfinished.replace(path)
        sync(path.parent)


def write_atomically(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a small file with `replace_file`; its folder is made if it is not there.

    A device, a pipe and an open descriptor (`/dev/stdout`) are written to instead.

    Raises:
        LaunchError: `path` is a link or a folder, the folder cannot be written or the disk is
            full; `path` is as before.

    """
    content = text.encode()
    try:
        if _write_to_stream(path, content):
            return
        _refuse_link(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path.parent)
        with replace_file(path) as unfinished, unfinished.open("xb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
    except OSError as error:
        raise LaunchError(f"cannot write {path}: {error.strerror}", hint=_HINT) from None


def drop_unfinished() -> None:
    """Remove what this process is writing: for one that ends without unwinding its blocks."""
    for folder in tuple(_being_written):
        shutil.rmtree(folder, ignore_errors=True)


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes have left in a folder in which no other process writes now."""
    for path in folder.iterdir():
        if path.name.endswith(_UNFINISHED):
            _remove(path)
        elif _SAFETENSORS_UNFINISHED.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


@contextmanager
def _make_temporary_folder(parent: Path) -> Iterator[Path]:
    """Make a locked folder with a random name; remove it at the end."""
    folder, descriptor = _make_locked_folder(parent)
    _being_written.add(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _being_written.discard(folder)
        os.close(descriptor)


def _make_locked_folder(parent: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(_UNFINISHED, ".", parent))
        with suppress(FileNotFoundError):  # removed before it was locked
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            with suppress(OSError):  # some network file systems lock no folder
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if folder.exists():
                return folder, descriptor
            os.close(descriptor)


def _remove_abandoned(folder: Path) -> None:
    """Remove the temporary folders that nobody holds: whoever made them was killed."""
    for path in folder.glob(f".*{_UNFINISHED}"):
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
            finally:
                os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write_to_stream(path: Path, content: bytes) -> bool:
    """Write to a device, a pipe or one of this process's descriptors; False for anything else."""
    number = _find_descriptor(path)
    if number is None and not _is_stream(path):
        return False
    descriptor = _open_stream(path) if number is None else os.dup(number)
    with open(descriptor, "wb") as stream:  # noqa: PTH123 - a descriptor
        stream.write(content)
    return True


def _find_descriptor(path: Path) -> int | None:
    """Return the descriptor that a path such as `/dev/stdout` or `/dev/fd/3` stands for."""
    descriptors = os.path.realpath("/proc/self/fd")
    for _ in range(_MOST_LINKS):
        if path.name.isdecimal() and os.path.realpath(path.parent) == descriptors:
            return int(path.name)
        if not path.is_symlink():
            break
        path = path.parent / path.readlink()
    return None


def _is_stream(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISFIFO(mode)


def _open_stream(path: Path) -> int:
    """Open a device, or a pipe that somebody reads: one that nobody reads would wait for ever."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        raise OSError(errno.ENXIO, "no program reads from it") from None
    os.set_blocking(descriptor, True)
    return descriptor


def _refuse_link(path: Path) -> None:
    if path.is_symlink():
        target = os.path.realpath(path)  # Path.resolve raises over a link to itself
        raise OSError(errno.ELOOP, f"a symbolic link; give what it leads to: {target}")
