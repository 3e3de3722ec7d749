"""A run as read from its folder; a missing or damaged file is refused by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

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
from qca.runs.run_folder import LARGEST_CONFIG, RunFolder
from qca.runs.snapshots import Snapshots, read_snapshots

Status = Literal["complete", "running", "stopped", "interrupted", "not begun"]


@dataclass(frozen=True)
class Run:
    """A run: its configuration, what it recorded, and how far it is."""

    name: str
    config: TrainConfig
    records: Sequence[EpisodeRecord]
    events: Sequence[dict[str, Any]]
    """The journal's, oldest first; empty for a run of a version without a journal."""
    checkpoints: Sequence[str]
    """File names, oldest first."""
    last_checkpoint: int | None
    """The episode of the newest checkpoint; None if there is none."""
    snapshots: Snapshots | None
    evaluation: Evaluation | None
    """What `qca evaluate` found last; None where it was not called."""
    is_held: bool
    """Whether a trainer on this host works on it."""

    @cached_property
    def status(self) -> Status:
        """Where the run is; interrupted means that it ended without reporting so."""
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
        """Episodes run, skipped ones included; those after the last checkpoint may be lost."""
        learned = self.records[-1].episode if self.records else 0
        last = self.events[-1] if self.events else {}
        finished = last.get("episodes") if last.get("event") == "finished" else 0
        return max(learned, *self.skipped_episodes, 0, finished if isinstance(finished, int) else 0)

    @cached_property
    def skipped_episodes(self) -> list[int]:
        """Episodes from which nothing was learned, without those that were repeated."""
        return list_skipped_episodes(self.events)

    @property
    def best_record(self) -> EpisodeRecord:
        """The record with the lowest loss, among those with the terms of the newest one."""
        terms = self.records[-1].components.keys()
        comparable = [record for record in self.records if record.components.keys() == terms]
        return min(comparable, key=lambda record: record.loss)

    @cached_property
    def config_changes(self) -> list[Mapping[str, Any]]:
        """The `config-changed` events that hold, oldest first."""
        return list_config_changes(self.events)

    @cached_property
    def resume_episodes(self) -> list[int]:
        """The first episodes of the sessions that continued the run."""
        firsts = [event.get("first_episode") for event in self._start_events]
        return [number for number in firsts if isinstance(number, int) and number > 1]

    @property
    def processes(self) -> int:
        """How many trained together in the last session; 1 if the journal does not say."""
        number = self._start_events[-1].get("processes") if self._start_events else None
        return number if isinstance(number, int) else 1

    @property
    def predicted_context_bytes(self) -> int | None:
        """What the last session expected to take beside its tensors; None if it did not say."""
        last = self._start_events[-1] if self._start_events else {}
        size = last.get("predicted_context_bytes")
        return size if isinstance(size, int) else None

    @property
    def start_time(self) -> str | None:
        """When the run's first session started, as written in the journal."""
        return str(self._start_events[0]["time"]) if self._start_events else None

    @property
    def end_time(self) -> str | None:
        """When its last session ended in order; None if it has not."""
        last = self.events[-1] if self.events else {}
        return str(last["time"]) if last.get("event") == "finished" else None

    @property
    def device(self) -> str:
        """The device of the last session, or else the configured one."""
        device = self._start_events[-1].get("device") if self._start_events else None
        return str(device or self.config.device)

    @cached_property
    def _start_events(self) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == "started"]


def find_run(name: str, runs: Path) -> Path:
    """Return the folder of the run `name` in `runs`, or at that path.

    Raises:
        InputError: there is none; the hint lists the runs that there are.

    """
    for folder in (runs / name, Path(name)):
        if RunFolder(folder).config.is_file():
            RunFolder(folder).check()
            return folder
    names = sorted(path.parent.name for path in runs.glob("*/config.json"))
    known = f"In {runs}: {', '.join(names)}." if names else f"There is no run in {runs} yet."
    raise InputError(
        f"no run {name!r}: neither {runs / name} nor {name} has a config.json",
        hint=f"{known} Another place is given with --runs, or as a path.",
    )


def read_run(path: Path) -> Run:
    """Read a run folder.

    Raises:
        InputError: a file in it is missing, damaged or of another version; names it.

    """
    try:
        return _read(RunFolder(path))
    except OSError as error:
        raise InputError(
            f"{error.filename or path}: cannot be read: {error.strerror}",
            hint="Check the permissions of the run folder.",
        ) from None


def _read(folder: RunFolder) -> Run:
    config = read_config(folder.config)
    checkpoints = list_checkpoints(folder.checkpoints)
    if checkpoints and not folder.metrics.exists():
        last = checkpoints[-1][1].name
        raise InputError(
            f"{folder.metrics}: not there, though the run has checkpoints up to {last}",
            hint="Copy the whole run folder, or restore the file.",
        )
    return Run(
        name=config.run,
        config=config,
        records=read_records(folder.metrics),
        events=read_journal(folder.events),
        checkpoints=[path.name for _, path in checkpoints],
        last_checkpoint=checkpoints[-1][0] if checkpoints else None,
        snapshots=read_snapshots(folder.states),
        evaluation=read_evaluation(folder.evaluation),
        is_held=folder.is_held(),
    )


def read_config(path: Path) -> TrainConfig:
    """Read the `config.json` of a run.

    Raises:
        InputError: it is missing, damaged or of another version; says which, and where.

    """
    try:
        return TrainConfig(**parse_object(read_plain(path, limit=LARGEST_CONFIG, follow=False)))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "the whole"
        problem = "unknown key" if is_unknown_key(first) else first["msg"]
        raise InputError(
            f"{path}: {key}: {problem}",
            hint="The run was made by another version of qca; use that one.",
        ) from None
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"{path}: cannot be read: {problem}", hint="Restore the file from a copy."
        ) from None
