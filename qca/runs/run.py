"""Read a run from its folder. An error for a missing or damaged file names the file."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from qca.core.config import TrainConfig
from qca.core.errors import InputError
from qca.runs.checkpoint_files import list_checkpoints
from qca.runs.evaluation import Evaluation, read_evaluation
from qca.runs.events import ConfigChanged, EpisodeRecord, Finished, Started
from qca.runs.journal import (
    JournalEntry,
    list_config_changes,
    list_skipped_episodes,
    read_journal,
)
from qca.runs.metrics_log import read_records
from qca.runs.run_folder import RunFolder, list_run_folders
from qca.runs.saved_config import read_config

if TYPE_CHECKING:
    from qca.runs.snapshots import Snapshots

Status = Literal["complete", "running", "stopped", "interrupted", "not begun"]


@dataclass(frozen=True)
class Run:
    """A run: its configuration, its records and its progress."""

    name: str
    config: TrainConfig
    records: Sequence[EpisodeRecord]
    journal: Sequence[JournalEntry]
    """The entries of the journal, oldest first; empty if the run's version kept no journal."""
    checkpoints: Sequence[str]
    """File names of the checkpoints, oldest first."""
    last_checkpoint: int | None
    """The episode of the newest checkpoint; None if there is none."""
    snapshots: "Snapshots | None"
    evaluation: Evaluation | None
    """The last result of `qca evaluate`; None if it never ran."""
    is_held: bool
    """Whether a trainer on this host is working on it."""

    @cached_property
    def status(self) -> Status:
        """The state of the run; interrupted means that it ended without reporting its end."""
        if self.episodes_done >= self.config.episodes:
            return "complete"
        if self.is_held:
            return "running"
        if not self.records and not self.journal:
            return "not begun"
        return "stopped" if self._end else "interrupted"

    @cached_property
    def episodes_done(self) -> int:
        """Number of episodes so far, including skipped ones. After a crash, this includes the
        episodes after the last checkpoint, which a resumed run repeats."""
        learned = self.records[-1].episode if self.records else 0
        finished = self._end.episodes if self._end else 0
        return max(learned, *self.skipped_episodes, finished)

    @cached_property
    def skipped_episodes(self) -> list[int]:
        """The skipped episodes, without those that were repeated later."""
        return list_skipped_episodes(self.journal)

    @property
    def best_record(self) -> EpisodeRecord:
        """The record with the lowest loss among the records with the same terms as the newest."""
        terms = self.records[-1].components.keys()
        comparable = [record for record in self.records if record.components.keys() == terms]
        return min(comparable, key=lambda record: record.loss)

    @cached_property
    def config_changes(self) -> list[ConfigChanged]:
        """The changes to the configuration, oldest first."""
        return list_config_changes(self.journal)

    @cached_property
    def resume_episodes(self) -> list[int]:
        """The first episode of each session that resumed the run."""
        return [start.first_episode for start in self._starts if start.first_episode > 1]

    @property
    def processes(self) -> int:
        """The number of processes of the last session; 1 if the journal does not say."""
        return self._starts[-1].processes if self._starts else 1

    @property
    def predicted_peak_bytes(self) -> int | None:
        """The predicted peak of the last session's tensors; None if it was not recorded."""
        return self._starts[-1].predicted_peak_bytes if self._starts else None

    @property
    def predicted_context_bytes(self) -> int | None:
        """The last session's predicted memory outside tensors; None if it was not recorded."""
        return self._starts[-1].predicted_context_bytes if self._starts else None

    @property
    def start_time(self) -> str | None:
        """The start of the first session, as in the journal; None before the first session."""
        starts = (entry.time for entry in self.journal if isinstance(entry.event, Started))
        return next(starts, None)

    @property
    def end_time(self) -> str | None:
        """The time at which the last session ended normally; None if it did not."""
        return self.journal[-1].time if self._end else None

    @property
    def device(self) -> str:
        """The device of the last session, or the configured one if the journal does not say."""
        return self._starts[-1].device if self._starts else self.config.device

    @cached_property
    def _starts(self) -> list[Started]:
        return [entry.event for entry in self.journal if isinstance(entry.event, Started)]

    @cached_property
    def _end(self) -> Finished | None:
        """The end of the last session, if it ended normally."""
        last = self.journal[-1].event if self.journal else None
        return last if isinstance(last, Finished) else None


def find_run(name: str, runs: Path) -> Path:
    """Return the folder of the run: `name` in the folder `runs`, or `name` as a path.

    Raises:
        InputError: there is no such run; the hint lists the runs.

    """
    for folder in (runs / name, Path(name)):
        if RunFolder(folder).config.is_file():
            RunFolder(folder).check()
            return folder
    names = [folder.name for folder in list_run_folders(runs)]
    known = (
        f"In {runs}: {', '.join(names)}."
        if names
        else f"There is no run in {runs} yet; `qca up` starts one."
    )
    raise InputError(
        f"no run {name!r}: neither {runs / name} nor {name} has a config.json",
        hint=f"{known} For a run elsewhere, give --runs or a path.",
    )


def read_run(path: Path, *, with_states: bool = True) -> Run:
    """Read a run folder, by default with its states, which are large and need numpy.

    Raises:
        InputError: a file is missing, damaged or from another version; the message names it.

    """
    try:
        return _read(RunFolder(path), with_states)
    except OSError as error:
        raise InputError(
            f"{error.filename or path}: cannot be read: {error.strerror}",
            hint="Check the permissions of the run folder.",
        ) from None


def _read(folder: RunFolder, with_states: bool) -> Run:
    config = read_config(folder.config)
    checkpoints = list_checkpoints(folder.checkpoints)
    if checkpoints and not folder.metrics.exists():
        last = checkpoints[-1][1].name
        raise InputError(
            f"{folder.metrics}: missing, although the run has checkpoints up to {last}",
            hint="Copy the whole run folder, or restore the file.",
        )
    return Run(
        name=config.run,
        config=config,
        records=read_records(folder.metrics),
        journal=read_journal(folder.events),
        checkpoints=[path.name for _, path in checkpoints],
        last_checkpoint=checkpoints[-1][0] if checkpoints else None,
        snapshots=_read_snapshots(folder) if with_states else None,
        evaluation=read_evaluation(folder.evaluation),
        is_held=folder.is_held(),
    )


def _read_snapshots(folder: RunFolder) -> "Snapshots | None":
    from qca.runs.snapshots import read_snapshots

    return read_snapshots(folder.states)
