"""A project's name, held by one `qca up` at a time."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import IO

from qca.core.errors import LaunchError


@contextlib.contextmanager
def project_lock(project: str) -> Generator[None]:
    """Hold a project's name, so that two folders cannot launch it in the same moment.

    Once its containers are there, their labels say whose it is (`launch.prepare`); this covers
    the time before, between the `qca up`s of one user.

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
    """Return the file at `path`, locked; not one that its last holder has just removed."""
    while True:
        lock = _open_regular_file(path)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(path.stat(), os.fstat(lock.fileno())):
                    return lock
            lock.close()
        except BlockingIOError:
            with lock:
                who = lock.read().strip() or "unknown"
            raise LaunchError(
                f"another `qca up` ({who}) launches the project {project!r}",
                hint="Give this one another name: --project NAME, or [stack] project in qca.toml.",
            ) from None


def _open_regular_file(path: Path) -> IO[str]:
    try:
        # Not through a link that another user put there.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise LaunchError(
            f"{path}: {error.strerror}", hint="It is a lock; remove what stands in its place."
        ) from None
    return os.fdopen(descriptor, "r+", errors="surrogateescape")  # for the name of a folder
