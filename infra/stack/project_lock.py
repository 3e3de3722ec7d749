"""Lock a project's name, so that one `qca up` at a time uses it."""

import contextlib
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import IO

from qca.core.errors import LaunchError
from qca.core.file_lock import lock_exclusively


@contextlib.contextmanager
def project_lock(project: str) -> Generator[None]:
    """Lock a project's name, so that two folders cannot launch it at the same time.

    Once its containers exist, their labels identify its folder (`launch_compose.prepare`). Before
    that, only this lock prevents conflicts between two `qca up` processes of one user.

    Raises:
        LaunchError: another `qca up` holds it.

    """
    path = Path(tempfile.gettempdir()) / f"qca-{os.getuid()}-{project}.lock"
    with _lock_exclusively(path, project) as lock:
        lock.truncate()
        lock.write(f"process {os.getpid()} in {Path.cwd()}")
        lock.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _lock_exclusively(path: Path, project: str) -> IO[str]:
    """Return the locked file at `path`; retry if its last holder has just removed it."""
    while True:
        lock = _open_regular_file(path)
        try:
            lock_exclusively(lock)
        except BlockingIOError:
            raise _in_use_error(lock, project) from None
        if _is_still_at(path, lock):
            return lock
        lock.close()


def _is_still_at(path: Path, lock: IO[str]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(lock.fileno()))
    except FileNotFoundError:
        return False


def _in_use_error(lock: IO[str], project: str) -> LaunchError:
    with lock:
        who = lock.read().strip() or "unknown"
    return LaunchError(
        f"another `qca up` ({who}) is launching the project {project!r}",
        hint="Choose another name: --project NAME, or [stack] project in qca.toml.",
    )


def _open_regular_file(path: Path) -> IO[str]:
    try:
        # Do not follow a link that another user created.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise LaunchError(
            f"{path}: {error.strerror}",
            hint="qca needs this path for its lock file; remove what is there.",
        ) from None
    return os.fdopen(descriptor, "r+", errors="surrogateescape")  # folder names may not be UTF-8
