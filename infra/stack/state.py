"""A run's state folder, `.qca/RUN`: what `qca up` made, so that `qca down` can remove just that."""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from qca.core.atomic_files import remove_unfinished, write_atomically
from qca.core.errors import LaunchError
from qca.core.plain_files import check_own_folder, check_plain, read_plain
from qca.core.units import KIB

STATE_DIR = Path(".qca")

_LAUNCH_LIMIT = 64 * KIB


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
    """Folder that holds the run folders, for whoever reads the file; qca goes by its own."""
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
        return _require_own(_LAUNCH.validate_json(text), state)
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise _unreadable_error(state, f"{where}: {first['msg']}") from None
    except OSError as error:
        raise _unreadable_error(state, str(error.strerror)) from None


def _require_own(launch: Launch, state: StateDir) -> Launch:
    """Refuse the record of another run: what is said of this one would be done to that one."""
    if launch.run != state.root.name:
        raise _unreadable_error(state, f"it is about the run {launch.run}")
    return launch


def _unreadable_error(state: StateDir, why: str) -> LaunchError:
    return LaunchError(
        f"{state.launch_file} cannot be read: {why}",
        hint="`docker compose ls` shows what runs; remove the file to start afresh.",
    )
