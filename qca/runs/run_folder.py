"""The run folder: its layout, its lock, and the configuration of its run. Works without torch.

::

    runs/RUN/config.json     the TrainConfig
             metrics.jsonl   one line per episode, see `metrics_log`
             events.jsonl    all other events, see `journal`
             states.safetensors  one rollout of the trained model, see `snapshots`
             evaluation.json the last result of `qca evaluate`, see `evaluation`
             tensorboard/    see `tensorboard`
             checkpoints/    see `qca.train.checkpoint`
             lock            locked while a trainer works here
             heartbeat       touched every few seconds, see `health`
"""

import json
import os
import shlex
import socket
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO

from qca.core.atomic_files import remove_unfinished, write_atomically
from qca.core.config import TrainConfig
from qca.core.errors import CheckpointError, InputError, LaunchError
from qca.core.file_lock import is_locked, lock_exclusively
from qca.core.json_object import parse_object
from qca.core.plain_files import check_own_folder, open_plain, read_plain
from qca.runs.checkpoint_files import list_checkpoints
from qca.runs.health import HEARTBEAT
from qca.runs.resume_rules import (
    keep_settings,
    require_effect,
    require_episodes,
    require_same_config,
)
from qca.runs.saved_config import LARGEST_CONFIG, read_config

_BEAT_EVERY = 2.0  # seconds; `health` allows many times this


class RunFolder:
    """The paths of a run's files, and operations on the whole folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.json"
        self.metrics = path / "metrics.jsonl"
        self.events = path / "events.jsonl"
        self.states = path / "states.safetensors"
        self.evaluation = path / "evaluation.json"
        self.checkpoints = path / "checkpoints"
        self.tensorboard = path / "tensorboard"
        self.heartbeat = path / HEARTBEAT
        self._lock = path / "lock"
        self._last_beat = -_BEAT_EVERY

    @contextmanager
    def hold(self) -> Generator[None]:
        """Create the folder and hold its lock; remove it if no run is recorded in it at the end.

        The kernel releases the lock (flock) whenever the process ends, so a file `lock` that no
        process holds has no effect.

        Raises:
            LaunchError: another trainer holds the lock; the message names its process and host.
            CheckpointError: the folder cannot be created or written to.

        """
        self.check()
        with ExitStack() as stack:
            try:
                self.checkpoints.mkdir(parents=True, exist_ok=True)
                lock = open_plain(self._lock, "a+b", follow=False, buffering=0)
                self._acquire(stack.enter_context(lock))
                stack.callback(self._remove_empty)  # before the lock is released
                for folder in (self.path, self.checkpoints):
                    remove_unfinished(folder)
            except OSError as error:
                raise self._write_error(error) from None
            yield

    def _remove_empty(self) -> None:
        """Remove what `hold` creates, unless there is a run or the folder has other files."""
        if self.config.exists() or self.is_used():
            return
        for file in (self.heartbeat, self._lock):
            file.unlink(missing_ok=True)
        with suppress(OSError):
            self.checkpoints.rmdir()
            self.path.rmdir()

    def check(self) -> None:
        """Raise unless the run folder and its subfolders are real folders, or do not exist yet.

        Raises:
            InputError: one is a link or another kind of file; the hint names the folder to use.
            CheckpointError: this user has no permission to read it.

        """
        for folder in (self.path.parent, self.path):
            if folder.is_symlink():
                raise _link_error(folder, runs=self.path.parent)
        try:
            for folder in (self.path, self.checkpoints, self.tensorboard):
                check_own_folder(folder)
        except PermissionError as error:
            raise self._write_error(error) from None
        except OSError as error:
            raise InputError(
                f"{error.filename}: {error.strerror}",
                hint="Inspect it, and start another run with --run NAME.",
            ) from None

    def is_held(self) -> bool:
        """Return whether a trainer on this host uses the folder; other hosts cannot be checked."""
        return is_locked(self._lock)

    def is_used(self) -> bool:
        """Return whether a training run has left checkpoints or metrics here."""
        return any(self.checkpoints.glob("*")) or (
            self.metrics.exists() and self.metrics.stat().st_size > 0
        )

    def check_start(self, config: TrainConfig, *, resume: bool) -> None:
        """Refuse to start a run twice, or to resume it with another configuration.

        Raises:
            InputError: the run exists and `resume` is not set, or its configuration differs.

        """
        self.check()
        if not self.is_used():
            return
        if not resume:
            raise InputError(
                f"{self.path}: this run has been started already",
                hint="Resume it with --resume, or start another with --run NAME.",
            )
        self.check_config(config)

    def check_config(self, config: TrainConfig) -> None:
        """Refuse to resume with a configuration that differs from the folder's.

        Raises:
            InputError: a key differs, or `config.json` cannot be read; the message names the key
                and its values.

        """
        try:
            saved = parse_object(read_plain(self.config, limit=LARGEST_CONFIG, follow=False))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            problem = error.strerror if isinstance(error, OSError) else error
            raise InputError(
                f"{self.config}: cannot be read: {problem}",
                hint="Start another run with --run, or restore the file.",
            ) from None
        require_same_config(config, saved, self.config)
        trained = self._count_trained()
        require_episodes(config, saved, self.path, trained=trained)
        if trained >= config.episodes:
            require_effect(config, saved, self.path, trained=trained)

    def keep_settings(self, config: TrainConfig) -> TrainConfig:
        """Return `config` with the values of the run in this folder; see `resume_rules`.

        Without a run that has trained, `config` is returned unchanged.

        Raises:
            InputError: `config.json` is damaged, or from another version.
            CheckpointError: this user has no permission to read the folder.

        """
        self.check()
        if not self.is_used() or not self.config.exists():
            return config
        return keep_settings(config, read_config(self.config), trained=self._count_trained())

    def _count_trained(self) -> int:
        """Return the episode of the newest checkpoint."""
        checkpoints = list_checkpoints(self.checkpoints)
        return checkpoints[-1][0] if checkpoints else 0

    def write_config(self, config: TrainConfig) -> None:
        """Write the configuration that training now uses."""
        write_atomically(self.config, json.dumps(asdict(config), indent=2) + "\n")

    def beat(self) -> None:
        """Touch the heartbeat file; this is cheap enough to do between any two steps."""
        now = time.monotonic()
        if now - self._last_beat < _BEAT_EVERY:
            return
        self._last_beat = now
        # A full disk is reported when it loses data, at a checkpoint.
        with suppress(OSError), open_plain(self.heartbeat, "ab", follow=False) as file:
            os.utime(file.fileno())

    def _acquire(self, lock: IO[bytes]) -> None:
        try:
            lock_exclusively(lock)
        except BlockingIOError:
            lock.seek(0)
            raise self._lock_error(lock.read().decode(errors="replace").strip()) from None
        if os.fstat(lock.fileno()).st_nlink == 0:  # its holder has just removed the empty folder
            raise self._lock_error("which is ending")
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}\n".encode())

    def _lock_error(self, holder: str) -> LaunchError:
        return LaunchError(
            f"{self.path}: another trainer is writing to this run ({holder or 'unknown'})",
            hint="Wait until it ends, stop it, or start another run with --run NAME.",
        )

    def _write_error(self, error: OSError) -> CheckpointError:
        return CheckpointError(
            f"{error.filename or self.path}: cannot write the file: {error.strerror}",
            hint="Free disk space or fix the permissions, or put the run elsewhere.",
        )


def list_run_folders(runs: Path) -> list[Path]:
    """Return the run folders in `runs`, sorted by name; an empty list if it does not exist.

    A folder that this user cannot open counts as one.

    Raises:
        InputError: `runs` is not a folder, or cannot be read.

    """
    try:
        folders = sorted(runs.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(
            f"{runs}: cannot be read: {error.strerror}",
            hint="--runs names the folder that holds the run folders.",
        ) from None
    return [folder for folder in folders if _is_run(folder)]


def _is_run(folder: Path) -> bool:
    try:
        return RunFolder(folder).config.is_file()
    except PermissionError:
        return True


def _link_error(link: Path, *, runs: Path) -> InputError:
    """Return the error for a link, with the options to use if the user created it."""
    target = Path(os.path.realpath(link))  # Path.resolve raises for a link to itself
    folder = target if link == runs else target.parent
    run = "" if link == runs else f" --run {shlex.quote(target.name)}"
    return InputError(
        f"{link}: is a symbolic link to {target}, which qca does not follow",
        hint="If you created the link, give the folder itself to `qca train` or `qca report`: "
        f"--runs {shlex.quote(str(folder))}{run}",
    )
