"""What a run folder says, read leniently: what is missing is named, what is wrong is refused."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from qca.config import TrainConfig
from qca.errors import InputError
from qca.train import journal, snapshots
from qca.train.folder import RunFolder
from qca.train.health import unhealthy_because
from qca.train.metrics import EpisodeRecord, read_records
from qca.train.snapshots import Snapshots

Status = Literal["complete", "running", "stopped", "interrupted", "not begun"]

# Files that a report reads, by their names in the run folder.
FILES = ("config.json", "metrics.jsonl", journal.FILE_NAME, snapshots.FILE_NAME)


@dataclass(frozen=True)
class Run:
    """Everything that a report says about the run itself."""

    name: str
    config: TrainConfig
    records: list[EpisodeRecord]
    events: list[dict[str, Any]]
    """Of the journal, oldest first; empty for a run that is older than the journal."""
    checkpoints: list[tuple[str, datetime]]
    """Name and time of those that are kept, oldest first."""
    snapshots: Snapshots | None
    status: Status
    last_written: datetime | None
    """When an episode was last written down."""


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
        InputError: a file in it is damaged or of another version; says which, and where.

    """
    folder = RunFolder(path)
    config = _config(folder.config)
    records = read_records(folder.metrics)
    events = journal.read(path / journal.FILE_NAME)
    return Run(
        name=config.run,
        config=config,
        records=records,
        events=events,
        checkpoints=[
            (file.name, _time_of(file))
            for file in sorted(folder.checkpoints.glob("episode-*.safetensors"))
        ],
        snapshots=snapshots.read(path / snapshots.FILE_NAME),
        status=_status(path, config, records, events),
        last_written=_time_of(folder.metrics) if records else None,
    )


def _config(path: Path) -> TrainConfig:
    try:
        return TrainConfig.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise InputError(
            f"{path}: {key}: {first['msg']}",
            hint="The run was made by another version of qca; make the report with that one.",
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read: {error}", hint="Restore the file from a copy."
        ) from None


def _status(
    path: Path, config: TrainConfig, records: list[EpisodeRecord], events: list[dict[str, Any]]
) -> Status:
    if records and records[-1].episode >= config.episodes:
        return "complete"
    if events and events[-1]["event"] == "finished":
        return "stopped"
    if unhealthy_because(path, time.time()) is None:
        return "running"
    return "interrupted" if records else "not begun"


def _time_of(file: Path) -> datetime:
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)
