"""What a run folder says; what is missing is named, what is damaged is refused."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from qca.core.config import TrainConfig
from qca.core.errors import InputError
from qca.core.validation import is_unknown_key
from qca.runs import journal, snapshots
from qca.runs.checkpoint_files import list_checkpoints
from qca.runs.events import EpisodeRecord, read_records
from qca.runs.run_folder import RunFolder
from qca.runs.snapshots import Snapshots

Status = Literal["complete", "running", "stopped", "interrupted", "not begun"]


@dataclass(frozen=True)
class Run:
    """Everything that a report says about the run itself."""

    name: str
    config: TrainConfig
    records: Sequence[EpisodeRecord]
    events: Sequence[dict[str, Any]]
    """Of the journal, oldest first; empty for a run that is older than the journal."""
    checkpoints: Sequence[str]
    """Names of those that are kept, oldest first."""
    last_checkpoint: int | None
    """The episode of the newest of them; None where there is none."""
    snapshots: Snapshots | None
    is_held: bool
    """Whether a trainer works on it, on this host."""

    @cached_property
    def status(self) -> Status:
        """How the run stands; interrupted is what has ended without a word."""
        if self.done >= self.config.episodes:
            return "complete"
        if self.is_held:
            return "running"
        if not self.records and not self.events:
            return "not begun"
        ended = self.events and self.events[-1]["event"] == "finished"
        return "stopped" if ended else "interrupted"

    @cached_property
    def done(self) -> int:
        """Episodes made, the skipped ones too; what comes after the last checkpoint may be lost."""
        learned = self.records[-1].episode if self.records else 0
        last = self.events[-1] if self.events else {}
        finished = last.get("episodes") if last.get("event") == "finished" else 0
        return max(learned, *self.skipped, 0, finished if isinstance(finished, int) else 0)

    @cached_property
    def skipped(self) -> list[int]:
        """Episodes from which nothing was learned; those that were made again are not of them."""
        return journal.skipped_episodes(self.events)

    @cached_property
    def continued(self) -> list[int]:
        """The episodes with which a later session went on."""
        firsts = [event.get("first_episode") for event in self._started]
        return [number for number in firsts if isinstance(number, int) and number > 1]

    @property
    def processes(self) -> int:
        """How many trained together in the last session; 1 where that is not said."""
        found = self._started[-1].get("processes") if self._started else None
        return found if isinstance(found, int) else 1

    @property
    def started(self) -> str | None:
        """When the run's first session began, as the journal has it."""
        return str(self._started[0]["time"]) if self._started else None

    @property
    def ended(self) -> str | None:
        """When its last session has ended in order."""
        last = self.events[-1] if self.events else {}
        return str(last["time"]) if last.get("event") == "finished" else None

    @property
    def device(self) -> str:
        """Where it is computed, as the last session has said."""
        said = self._started[-1].get("device") if self._started else None
        return str(said or self.config.device)

    @cached_property
    def _started(self) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == "started"]


def find_run(name: str, runs: Path) -> Path:
    """Return the folder of the run that is called `name` below `runs`, or lies at that path.

    Raises:
        InputError: there is none; says which there are.

    """
    for folder in (runs / name, Path(name)):
        if RunFolder(folder).config.is_file():
            return folder
    there = sorted(path.parent.name for path in runs.glob("*/config.json"))
    known = f"In {runs}: {', '.join(there)}." if there else f"There is no run in {runs} yet."
    raise InputError(
        f"no run {name!r}: neither {runs / name} nor {name} has a config.json",
        hint=f"{known} Another place is given with --runs, or as a path.",
    )


def read_run(path: Path) -> Run:
    """Read a run folder.

    Raises:
        InputError: a file in it is missing, damaged or of another version; says which, and where.

    """
    try:
        return _read(RunFolder(path))
    except OSError as error:
        raise InputError(
            f"{error.filename or path}: cannot be read: {error.strerror}",
            hint="Check the permissions of the run folder.",
        ) from None


def _read(folder: RunFolder) -> Run:
    config = _config(folder.config)
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
        events=journal.read(folder.events),
        checkpoints=[path.name for _, path in checkpoints],
        last_checkpoint=checkpoints[-1][0] if checkpoints else None,
        snapshots=snapshots.read(folder.states),
        is_held=folder.is_held(),
    )


def _config(path: Path) -> TrainConfig:
    try:
        return TrainConfig(**_object(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "the whole"
        said = "unknown key" if is_unknown_key(first) else first["msg"]
        raise InputError(
            f"{path}: {key}: {said}",
            hint="The run was made by another version of qca; make the report with that one.",
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read: {error}", hint="Restore the file from a copy."
        ) from None


def _object(text: str) -> dict[str, Any]:
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("it is no JSON object")
    return document
