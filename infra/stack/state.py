"""A run's state folder, `.qca/RUN`: the files that `qca up` creates and `qca down` removes."""

import contextlib
from pathlib import Path

from qca.core.atomic_files import remove_unfinished
from qca.core.errors import LaunchError
from qca.core.frozen import frozen_dataclass
from qca.core.plain_files import check_own_folder, check_plain

STATE_FOLDER = Path(".qca")


@frozen_dataclass
class StateFolder:
    """The files of the state folder."""

    root: Path

    @property
    def compose_file(self) -> Path:
        """The rendered Compose file."""
        return self.root / "compose.yaml"

    @property
    def env_file(self) -> Path:
        """The Compose file's variables; Compose reads `.env` because it is next to that file."""
        return self.root / ".env"

    @property
    def store_flags(self) -> Path:
        """Dragonfly's flag file with the store's password."""
        return self.root / "store.flags"

    @property
    def launch_file(self) -> Path:
        """The record of the launch."""
        return self.root / "launch.json"

    @property
    def log_folder(self) -> Path:
        """The logs of the local runtime."""
        return self.root / "logs"

    @property
    def lock_file(self) -> Path:
        """The lock file of the current `qca up`, with its process ID."""
        return self.root / "lock"

    def check(self) -> None:
        """Refuse a folder that `qca up` cannot have created: a link, or a folder with links.

        Raises:
            LaunchError: it is one of these; the message names the path and its kind.

        """
        if self.root.parent == STATE_FOLDER:
            check_state_folder(STATE_FOLDER)
        try:
            check_own_folder(self.root, owned=True)
            check_own_folder(self.log_folder, owned=True)
            for file in (*self._files(), *self.log_folder.glob("*.log")):
                check_plain(file, follow=False)
        except OSError as error:
            raise _foreign_error(error, self.root) from None

    def remove(self) -> None:
        """Remove the files that `qca up` wrote, and the folder if nothing else is in it.

        If nothing was launched, only the lock is removed.

        Raises:
            LaunchError: a file belongs to another user.

        """
        self.check()
        if not self.root.exists():
            return
        try:
            self._remove()
        except PermissionError as error:
            raise LaunchError(
                f"{error.filename}: {error.strerror}",
                hint="The user who started it must run `qca down`.",
            ) from None

    def _remove(self) -> None:
        remove_unfinished(self.root)
        if self.launch_file.exists():
            for file in (*self.log_folder.glob("*.log"), *self._files()):
                file.unlink(missing_ok=True)
        self.lock_file.unlink(missing_ok=True)
        above = [self.root.parent] if self.root.parent == STATE_FOLDER else []
        for folder in (self.log_folder, self.root, *above):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _files(self) -> tuple[Path, ...]:
        """Return the folder's files without the logs; the record of the launch is last."""
        files = (self.compose_file, self.env_file, self.store_flags, self.lock_file)
        return (*files, self.launch_file)


def check_state_folder(folder: Path) -> None:
    """Refuse a `.qca`, or a folder in it, that is a link or belongs to another user.

    Raises:
        LaunchError: it is a link or belongs to another user; the message says which.

    """
    try:
        check_own_folder(folder, owned=True)
    except OSError as error:
        raise _foreign_error(error, folder) from None


def _foreign_error(error: OSError, folder: Path) -> LaunchError:
    return LaunchError(
        f"{error.filename}: {error.strerror}",
        hint=f"`qca up` needs {folder} for its own files. Look at the existing one, and remove it "
        f"if you don't need it.",
    )
