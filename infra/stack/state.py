"""A run's state folder, `.qca/RUN`: what `qca up` made, so that `qca down` can remove just that."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from qca.core.atomic_files import remove_unfinished
from qca.core.errors import LaunchError
from qca.core.plain_files import check_own_folder, check_plain

STATE_DIR = Path(".qca")


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
            check_state_folder(STATE_DIR)
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


def check_state_folder(folder: Path) -> None:
    """Refuse a link or another user's folder in the place of `.qca`, or of a folder in it.

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
