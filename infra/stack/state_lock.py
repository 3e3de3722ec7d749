"""Lock a run's state folder: only one `qca up` holds the lock, and other commands can stop it."""

import contextlib
import os
import signal
import time
from collections.abc import Generator
from pathlib import Path
from typing import IO

from infra.stack.state import StateFolder
from qca.core.errors import LaunchError
from qca.core.file_lock import is_locked, lock_exclusively
from qca.core.plain_files import open_plain

# A trainer that is signaled to stop finishes its current step and writes a checkpoint.
_STOP_SECONDS = 90.0

# The kernel's PID_MAX_LIMIT, and how many bytes to read, which is more than its digits.
_LARGEST_PID, _PID_LIMIT = 2**22, 32


@contextlib.contextmanager
def state_lock(state: StateFolder) -> Generator[None]:
    """Lock the state folder, so that only one `qca up` works on it.

    The kernel releases the lock when the process ends for any reason, so it cannot become stale.

    Raises:
        LaunchError: another process holds the lock, and the message names it; or the folder is not
            writable.

    """
    with _open_lock_file(state) as lock:
        try:
            lock_exclusively(lock)
        except BlockingIOError:
            pid, run = find_holder(state) or "unknown", state.root.name
            raise LaunchError(
                f"another `qca up` (process {pid}) is using {state.root}",
                hint=f"Follow it with `qca attach {run}`, or stop it with `qca down {run}`.",
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n".encode())
        try:
            yield
        finally:
            if not state.launch_file.exists():
                state.remove()  # refused before anything was launched


def is_held(state: StateFolder) -> bool:
    """Return whether a process holds the lock."""
    return is_locked(state.lock_file)


def find_holder(state: StateFolder) -> int | None:
    """Return the process that holds the lock; None if none does, or it cannot be determined.

    Its ID is in the lock file, but other users may have written that file, so the kernel must
    confirm it.
    """
    try:
        pid = _read_named_process(state.lock_file)
        return pid if pid is not None and _holds_lock(pid, state.lock_file) else None
    except OSError:
        return None


def stop_holder(state: StateFolder) -> bool:
    """Stop the `qca up` that holds the lock, and wait for it; return whether there was one.

    Raises:
        LaunchError: the process does not exit, belongs to another user, or cannot be determined.

    """
    if not is_held(state):
        return False
    pid = find_holder(state)
    if pid is None:
        if not is_held(state):  # it has already exited
            return True
        raise LaunchError(
            f"cannot determine which process holds {state.lock_file}; none was stopped",
            hint=f"`sudo fuser -v {state.lock_file}` names it: another user's `qca up`, or one in "
            "a container. The user who started it must stop it.",
        )
    _send_sigterm(pid)
    _wait_until_free(state, pid)
    return True


def _send_sigterm(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass
    except PermissionError:
        raise LaunchError(
            f"`qca up` (process {pid}) belongs to another user", hint="Only that user can stop it."
        ) from None


def _wait_until_free(state: StateFolder, pid: int) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    while is_held(state):
        if time.monotonic() > deadline:
            raise LaunchError(
                f"`qca up` (process {pid}) did not stop within {_STOP_SECONDS:.0f} s",
                hint=f"kill -KILL {pid}, then `qca down {state.root.name}` again.",
            )
        time.sleep(0.1)


def _open_lock_file(state: StateFolder) -> IO[bytes]:
    state.check()
    try:
        state.root.mkdir(parents=True, exist_ok=True)
        return open_plain(state.lock_file, "a+b", follow=False, buffering=0)
    except OSError as error:
        raise LaunchError(
            f"{error.filename}: {error.strerror}",
            hint=f"`qca up` keeps its files in {state.root}, which must be writable.",
        ) from None


def _read_named_process(lock_file: Path) -> int | None:
    """Return the process ID in a lock file; None if it is invalid."""
    with open_plain(lock_file, follow=False) as lock:
        text = lock.read(_PID_LIMIT)
    try:
        pid = int(text)
    except ValueError:
        return None
    return pid if 0 < pid < _LARGEST_PID else None  # to kill(2), -1 means all processes


def _holds_lock(pid: int, lock_file: Path) -> bool:
    """Return whether the process has this file open and locked by flock (proc_pid_fdinfo(5)).

    Raises:
        OSError: the process does not exist, or belongs to another user.

    """
    process, wanted = Path(f"/proc/{pid}"), lock_file.lstat()
    for opened in (process / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was closed in the meantime
            if not os.path.samestat(opened.stat(), wanted):
                continue
            if "FLOCK" in (process / "fdinfo" / opened.name).read_text():
                return True
    return False
