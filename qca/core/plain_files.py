"""Open files that another program may have replaced with something else. Works without torch.

Only plain files are opened: a named pipe could block forever, a device might never end, and a link
leads elsewhere. Anything else raises an OSError that names its kind, so callers report it like any
other unusable file.
"""

import errno
import os
import stat
from functools import partial
from pathlib import Path
from typing import IO, Literal

from qca.core.diagnostics import log_read
from qca.core.units import format_size

Mode = Literal["rb", "wb", "ab", "xb", "a+b", "r+b"]

_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_plain(
    path: Path, mode: Mode = "rb", *, follow: bool = True, buffering: int = -1
) -> IO[bytes]:
    """Open a plain file; without `follow` the path itself must not be a link.

    Raises:
        OSError: it is not a plain file, or cannot be opened.

    """
    opener = partial(_open_checked, follow=follow)
    return open(path, mode, buffering, opener=opener)


def read_plain(path: Path, *, limit: int, follow: bool = True) -> bytes:
    """Return the content of a plain file of at most `limit` bytes.

    Raises:
        OSError: it is not a plain file, is larger, or cannot be read.

    """
    with open_plain(path, follow=follow) as file:
        content = bytearray()
        while chunk := file.read(limit + 1 - len(content)):
            content += chunk
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"larger than {format_size(limit)}", str(path))
    log_read(path, len(content))
    return bytes(content)


def check_plain(path: Path, *, follow: bool = True) -> None:
    """Raise unless `path` is a plain file or does not exist.

    Raises:
        OSError: it is something else; the message says what.

    """
    try:
        found = path.stat(follow_symlinks=follow)
    except (FileNotFoundError, NotADirectoryError):
        return
    _require_plain(found.st_mode, path)


def suggest_file(error: OSError, path: Path, name: str) -> str:
    """Return the next step if `path` cannot be read; in a folder that is the file `name`."""
    if error.errno == errno.EISDIR:
        return f"Name a file in the folder, such as {path / name}."
    return "Check the path and its permissions."


def check_own_folder(path: Path, *, owned: bool = False) -> None:
    """Raise unless `path` is a real folder, not a link to one, or does not exist.

    With `owned`, the folder must also belong to this user (root may use any folder).

    Raises:
        OSError: it is something else, or belongs to another user; the message says which.

    """
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return
    if not stat.S_ISDIR(found.st_mode):
        raise OSError(errno.ENOTDIR, f"{_describe(found.st_mode)}, not a folder", str(path))
    if owned and os.geteuid() not in (0, found.st_uid):
        raise PermissionError(errno.EPERM, f"belongs to user {found.st_uid}", str(path))


def _open_checked(path: str, flags: int, *, follow: bool) -> int:
    """Open as `open` would, but check the file before and after; truncate it only after that."""
    check_plain(Path(path), follow=follow)
    careful = os.O_NONBLOCK | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags & ~os.O_TRUNC | careful, 0o666)
    try:
        _require_plain(os.fstat(descriptor).st_mode, Path(path))
        if flags & os.O_TRUNC:
            os.ftruncate(descriptor, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _require_plain(mode: int, path: Path) -> None:
    if not stat.S_ISREG(mode):
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(number, f"{_describe(mode)}, not a plain file", str(path))


def _describe(mode: int) -> str:
    return next((words for is_kind, words in _KINDS if is_kind(mode)), "a plain file")
