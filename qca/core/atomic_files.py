"""Write files atomically: a reader never sees half a file, even after a crash. Works without torch.

A file is written in a temporary folder next to the target and then renamed. The folder also holds
any scratch files of the library that writes the file. Its name is random, and it is locked while in
use, so other processes can distinguish it from the leftovers of a killed process.
"""

import errno
import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from qca.core.errors import InputError, LaunchError, QcaError
from qca.core.plain_files import check_plain

_UNFINISHED = ".qca-unfinished"  # no other program uses this suffix

# A temporary file of the safetensors library; qca 0.1.0 left it in the target's folder when killed.
_SAFETENSORS_UNFINISHED = re.compile(r"\.tmp[A-Za-z0-9]{6}")

_HINT = "Check the folder's permissions and the free space on its disk."

# The kernel's limit on links in a path (path_resolution(7)).
_MOST_LINKS = 40

_being_written: set[Path] = set()


@contextmanager
def replace_file(path: Path) -> Generator[Path]:
    """Yield a temporary path near `path`; the file written there replaces `path` at the end.

    The new content is synced to the disk before the rename. If the block raises, `path` stays
    unchanged and the temporary file is removed.

    Raises:
        OSError: `path` is a link, a device or a folder, or its folder cannot be written to.

    """
    check_plain(path, follow=False)
    with make_temporary_folder(path.parent) as folder:
        unfinished = folder / path.name
        yield unfinished
        sync(unfinished)
        unfinished.replace(path)
        sync(path.parent)


def write_atomically(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a small file with `replace_file`, creating its folder if needed.

    A device, a pipe or an open descriptor (`/dev/stdout`) is written to directly.

    Raises:
        LaunchError: `path` is a link or a folder, its folder cannot be written to, or the disk is
            full; `path` stays unchanged.
        InputError: its name is too long.

    """
    content = text.encode()
    try:
        if _write_to_stream(path, content):
            return
        _refuse_link(path)
        create_parent(path)
        _remove_abandoned(path.parent)
        with replace_file(path) as unfinished, unfinished.open("xb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
    except OSError as error:
        raise write_error(path, error) from None


def create_parent(path: Path) -> None:
    """Create the folder of a file that the user names, and the folders above it.

    Raises:
        OSError: one of them cannot be created, or is a file.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:  # of the folder, which sounds as if `path` existed
        raise NotADirectoryError(errno.ENOTDIR, f"{path.parent} is not a folder") from None


def write_error(path: Path, error: OSError, *, hint: str = _HINT) -> QcaError:
    """Return the error for a file that could not be written; InputError if its name is too long."""
    message = f"cannot write {path}: {error.strerror or error}"
    if error.errno == errno.ENAMETOOLONG:
        return InputError(message, hint="Give a shorter name.")
    return LaunchError(message, hint=hint)


def drop_unfinished() -> None:
    """Remove the files that this process has not finished, before it exits without unwinding."""
    for folder in tuple(_being_written):
        shutil.rmtree(folder, ignore_errors=True)


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of entries, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_unfinished(folder: Path) -> None:
    """Remove the leftovers of killed processes in a folder that no other process is writing to."""
    for path in folder.iterdir():
        if path.name.endswith(_UNFINISHED):
            _remove(path)
        elif _SAFETENSORS_UNFINISHED.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


@contextmanager
def make_temporary_folder(parent: Path) -> Generator[Path]:
    """Create a locked folder with a random name; remove it at the end.

    If this process is killed, the next `write_atomically` in `parent` removes it.
    """
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
        with suppress(FileNotFoundError):  # another process removed it before it was locked
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            with suppress(OSError):  # some network file systems cannot lock a folder
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if folder.exists():
                return folder, descriptor
            os.close(descriptor)


def _remove_abandoned(folder: Path) -> None:
    """Remove the unlocked temporary folders; the processes that created them were killed."""
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
    """Write to a device, a pipe or an open descriptor; return False if `path` is none of these."""
    number = _find_descriptor(path)
    if number is None and not _is_stream(path):
        return False
    descriptor = _open_stream(path) if number is None else os.dup(number)
    with open(descriptor, "wb") as stream:  # noqa: PTH123 - a descriptor has no Path
        stream.write(content)
    return True


def _find_descriptor(path: Path) -> int | None:
    """Return the descriptor that a path such as `/dev/stdout` or `/dev/fd/3` refers to."""
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
    """Open a device, or a pipe that has a reader; fail instead of waiting for a reader forever."""
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
        target = os.path.realpath(path)  # Path.resolve raises for a link to itself
        raise OSError(errno.ELOOP, f"it is a symbolic link; name its target instead: {target}")
