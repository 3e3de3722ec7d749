"""Read a run from its folder. An error for a missing or damaged file names the file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from qca.core.config import TrainConfig
from qca.core.errors import InputError
from qca.core.json_object import parse_object
from qca.core.plain_files import read_plain
from qca.core.validation import is_unknown_key
from qca.runs.checkpoint_files import list_checkpoints
from qca.runs.evaluation import Evaluation, read_evaluation
from qca.runs.events import EpisodeRecord
from qca.runs.journal import list_config_changes, list_skipped_episodes, read_journal
from qca.runs.metrics_log import read_records
from qca.runs.run_folder import LARGEST_CONFIG, RunFolder, list_run_folders

if TYPE_CHECKING:
    from qca.runs.snapshots import Snapshots

Status = Literal["complete", "running", "stopped", "interrupted", "not begun"]


@dataclass(frozen=True)
class Run:
    """A run: its configuration, its records and its progress."""

    name: str
    config: TrainConfig
    records: Sequence[EpisodeRecord]
    events: Sequence[dict[str, Any]]
    """The events of the journal, oldest first; empty if the run's version kept no journal."""
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
        if not self.records and not self.events:
            return "not begun"
        has_ended = self.events and self.events[-1]["event"] == "finished"
        return "stopped" if has_ended else "interrupted"

    @cached_property
    def episodes_done(self) -> int:
        """Number of episodes so far, including skipped ones. After a crash, this includes the
        episodes after the last checkpoint, which a resumed run repeats."""
        learned = self.records[-1].episode if self.records else 0
        last = self.events[-1] if self.events else {}
        finished = last.get("episodes") if last.get("event") == "finished" else 0
        return max(learned, *self.skipped_episodes, 0, finished if isinstance(finished, int) else 0)

    @cached_property
    def skipped_episodes(self) -> list[int]:
        """The skipped episodes, without those that were repeated later."""
        return list_skipped_episodes(self.events)

    @property
    def best_record(self) -> EpisodeRecord:
        """The record with the lowest loss among the records with the same terms as the newest."""
        terms = self.records[-1].components.keys()
        comparable = [record for record in self.records if record.components.keys() == terms]
        return min(comparable, key=lambda record: record.loss)

    @cached_property
    def config_changes(self) -> list[Mapping[str, Any]]:
        """The valid `config-changed` events, oldest first."""
        return list_config_changes(self.events)

    @cached_property
    def resume_episodes(self) -> list[int]:
        """The first episode of each session that resumed the run."""
        firsts = [event.get("first_episode") for event in self._start_events]
        return [number for number in firsts if isinstance(number, int) and number > 1]

    @property
    def processes(self) -> int:
        """The number of processes of the last session; 1 if the journal does not say."""
        number = self._start_events[-1].get("processes") if self._start_events else None
        return number if isinstance(number, int) else 1

    @property
    def predicted_peak_bytes(self) -> int | None:
        """The last session's predicted peak of its tensors; None if it did not record it."""
        return self._read_start_size("predicted_peak_bytes")

    @property
    def predicted_context_bytes(self) -> int | None:
        """The last session's predicted memory outside tensors; None if it did not record it."""
        return self._read_start_size("predicted_context_bytes")

    @property
    def start_time(self) -> str | None:
        """The start of the first session, as in the journal; None before the first session."""
        return str(self._start_events[0]["time"]) if self._start_events else None

    @property
    def end_time(self) -> str | None:
        """The time at which the last session ended normally; None if it did not."""
        last = self.events[-1] if self.events else {}
        return str(last["time"]) if last.get("event") == "finished" else None

    @property
    def device(self) -> str:
        """The device of the last session, or the configured one if the journal does not say."""
        device = self._start_events[-1].get("device") if self._start_events else None
        return str(device or self.config.device)

    def _read_start_size(self, key: str) -> int | None:
        size = self._start_events[-1].get(key) if self._start_events else None
        return size if isinstance(size, int) else None

    @cached_property
    def _start_events(self) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == "started"]


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
        InputError: a file is missing, damaged or of another version; the message names it.

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
        events=read_journal(folder.events),
        checkpoints=[path.name for _, path in checkpoints],
        last_checkpoint=checkpoints[-1][0] if checkpoints else None,
        snapshots=_read_snapshots(folder) if with_states else None,
        evaluation=read_evaluation(folder.evaluation),
        is_held=folder.is_held(),
    )


def _read_snapshots(folder: RunFolder) -> "Snapshots | None":
    from qca.runs.snapshots import read_snapshots

    return read_snapshots(folder.states)


def read_config(path: Path) -> TrainConfig:
    """Read the `config.json` of a run.

    Raises:
        InputError: it is missing, damaged or of another version.

    """
    try:
        return TrainConfig(**parse_object(read_plain(path, limit=LARGEST_CONFIG, follow=False)))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "the whole file"
        problem = "unknown key" if is_unknown_key(first) else first["msg"]
        raise InputError(
            f"{path}: {key}: {problem}",
            hint="Another version of qca wrote the run; use that version.",
        ) from None
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"{path}: cannot be read: {problem}", hint="Restore the file from a copy."
        ) from None
