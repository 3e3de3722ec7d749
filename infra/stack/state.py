"""A run's state folder, `.qca/RUN`: what `qca up` made, so that `qca down` can remove just that."""

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from qca.core.atomic_files import remove_unfinished, write_atomically
from qca.core.errors import LaunchError
from qca.core.plain_files import check_own_folder, check_plain, open_plain, read_plain
from qca.core.units import KIB

STATE_DIR = Path(".qca")

# A trainer that is told to stop finishes the step it is in and writes a checkpoint.
_STOP_SECONDS = 90.0

_LAUNCH_LIMIT = 64 * KIB

# The kernel's PID_MAX_LIMIT, and more bytes than its digits.
_LARGEST_PID, _PID_LIMIT = 2**22, 32


@dataclass(frozen=True)
class StateDir:
    """The files of the state folder."""

    root: Path

    @property
    def compose_file(self) -> Path:
        """The rendered Compose file."""
        return self.root / "compose.yaml"

    @property
    def env_file(self) -> Path:
        """What the Compose file needs; Compose reads it by itself, being beside the file."""
        return self.root / ".env"

    @property
    def store_flags(self) -> Path:
        """Dragonfly's flag file with the store's password."""
        return self.root / "store.flags"

    @property
    def launch_file(self) -> Path:
        """Which runtime and run were launched."""
        return self.root / "launch.json"

    @property
    def log_dir(self) -> Path:
        """Logs of the local runtime."""
        return self.root / "logs"

    @property
    def lock_file(self) -> Path:
        """Held by the `qca up` that runs here; holds its process id."""
        return self.root / "lock"

    def check(self) -> None:
        """Refuse a folder that `qca up` cannot have made: a link, or one with links in it.

        Raises:
            LaunchError: saying what stands where.

        """
        if self.root.parent == STATE_DIR:
            check_parent(STATE_DIR)
        try:
            check_own_folder(self.root, owned=True)
            check_own_folder(self.log_dir, owned=True)
            for file in (*self._files(), *self.log_dir.glob("*.log")):
                check_plain(file, follow=False)
        except OSError as error:
            raise _foreign_error(error, self.root) from None

    def remove(self) -> None:
        """Remove what `qca up` wrote, and the folder if nothing else is in it.

        Where nothing was launched, that is the lock alone.

        Raises:
            LaunchError: a file is another user's.

        """
        self.check()
        if not self.root.exists():
            return
        try:
            self._remove()
        except PermissionError as error:
            raise LaunchError(
                f"{error.filename}: {error.strerror}",
                hint="Whoever started it there has to take it down.",
            ) from None

    def _remove(self) -> None:
        remove_unfinished(self.root)
        if self.launch_file.exists():
            for file in (*self.log_dir.glob("*.log"), *self._files()):
                file.unlink(missing_ok=True)
        self.lock_file.unlink(missing_ok=True)
        above = [self.root.parent] if self.root.parent == STATE_DIR else []
        for folder in (self.log_dir, self.root, *above):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _files(self) -> tuple[Path, ...]:
        """Return the folder's files but the logs; what says that something was launched, last."""
        files = (self.compose_file, self.env_file, self.store_flags, self.lock_file)
        return (*files, self.launch_file)


Count = Annotated[int, Field(ge=0, lt=2**63)]

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
"""As the configuration takes it; anybody may have written the file."""


def check_parent(folder: Path) -> None:
    """Refuse a link or another user's folder in the place of the folder of state folders.

    Raises:
        LaunchError: saying what stands there.

    """
    try:
        check_own_folder(folder, owned=True)
    except OSError as error:
        raise _foreign_error(error, folder) from None


def _foreign_error(error: OSError, folder: Path) -> LaunchError:
    return LaunchError(
        f"{error.filename}: {error.strerror}",
        hint=f"`qca up` keeps its files in {folder}, a folder of its own. Look at what "
        "is there, and remove it if it is not yours.",
    )


@dataclass(frozen=True)
class Launch:
    """How a run was launched."""

    runtime: Literal["compose", "local"]
    project: Name
    run: Name
    runs: str
    """Folder that holds the run folders."""
    episodes: Count | None = None
    device: str | None = None
    predicted_peak_bytes: Count | None = None
    context_bytes: Count | None = None
    budget_bytes: Count | None = None
    """These are as planned, to compare with; None in a file of an older version."""
    volume: str | None = None
    """The volume that keeps the runs, on an engine elsewhere; None where `runs` does."""


_LAUNCH = TypeAdapter(Launch)


def write_launch(state: StateDir, launch: Launch) -> None:
    """Remember what is being launched, before anything is."""
    write_atomically(state.launch_file, json.dumps(vars(launch), indent=1) + "\n")


def read_launch(state: StateDir) -> Launch | None:
    """Return what was launched from this folder; None if nothing was.

    Raises:
        LaunchError: the file is there but cannot be understood.

    """
    state.check()
    try:
        text = read_plain(state.launch_file, limit=_LAUNCH_LIMIT, follow=False)
        return _LAUNCH.validate_json(text)
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise _unreadable_error(state, f"{where}: {first['msg']}") from None
    except OSError as error:
        raise _unreadable_error(state, str(error.strerror)) from None


def _unreadable_error(state: StateDir, why: str) -> LaunchError:
    return LaunchError(
        f"{state.launch_file} cannot be read: {why}",
        hint="`docker compose ls` shows what runs; remove the file to start afresh.",
    )


@contextlib.contextmanager
def state_lock(state: StateDir) -> Iterator[None]:
    """Hold the state folder, so that only one `qca up` works on it.

    The kernel frees the lock with the process, however it ends; nothing stale stays.

    Raises:
        LaunchError: another one holds it, and the message says which process; or the folder
            cannot be written.

    """
    with _open_lock_file(state) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid, run = read_holder(state) or "unknown", state.root.name
            raise LaunchError(
                f"another `qca up` (process {pid}) works in {state.root}",
                hint=f"Follow it with `qca attach {run}`, or stop it with `qca down {run}`.",
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n".encode())
        try:
            yield
        finally:
            if not state.launch_file.exists():
                state.remove()  # refused before anything was launched


def _open_lock_file(state: StateDir) -> IO[bytes]:
    state.check()
    try:
        state.root.mkdir(parents=True, exist_ok=True)
        return open_plain(state.lock_file, "a+b", follow=False, buffering=0)
    except OSError as error:
        raise LaunchError(
            f"{error.filename}: {error.strerror}",
            hint=f"`qca up` keeps what it makes in {state.root}, a folder that it must write to.",
        ) from None


def read_holder(state: StateDir) -> int | None:
    """Return the process id of the `qca up` that holds the folder; None if none does."""
    try:
        with open_plain(state.lock_file, follow=False) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = int(lock.read(_PID_LIMIT) or 0)
                return pid if 0 < pid < _LARGEST_PID else None  # kill takes -1 for all processes
    except (OSError, ValueError):
        pass
    return None


def stop_holder(state: StateDir) -> bool:
    """Tell the `qca up` that holds the folder to stop, and wait; return whether there was one.

    Raises:
        LaunchError: it does not end.

    """
    pid = read_holder(state)
    if pid is None:
        return False
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass
    except PermissionError:
        raise LaunchError(
            f"`qca up` (process {pid}) is another user's", hint="Only they can stop it."
        ) from None
    deadline = time.monotonic() + _STOP_SECONDS
    while read_holder(state) is not None:
        if time.monotonic() > deadline:
            raise LaunchError(
                f"`qca up` (process {pid}) did not stop within {_STOP_SECONDS:.0f} s",
                hint=f"kill -KILL {pid}, then `qca down` again.",
            )
        time.sleep(0.1)
    return True
