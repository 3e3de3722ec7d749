"""List the runs of a folder with their progress, age and size."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from qca.core.errors import InputError
from qca.runs.run import Run, Status, read_run
from qca.runs.run_folder import list_run_folders

ListedState = Literal[Status, "unreadable", "in a volume", "not on this engine"]


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """A line of the list; None means unknown."""

    name: str
    state: ListedState
    episode: int | None = None
    episodes: int | None = None
    loss: float | None = None
    device: str | None = None
    age_seconds: float | None = None
    """Time since the first session started, according to the journal."""
    size_bytes: int | None = None
    where: str


def summarize_runs(runs: Path, now: datetime) -> list[RunSummary]:
    """Return the runs in the folder `runs`, sorted by name; an empty list if it does not exist.

    Raises:
        InputError: it is not a folder, or cannot be read.

    """
    return [_summarize(folder, now) for folder in list_run_folders(runs)]


def _measure_size(folder: Path) -> int:
    """Return the bytes of the files in `folder`, without files that vanish or cannot be read."""
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.lstat().st_size if path.is_file() else 0
        except OSError:
            continue
    return size


def _summarize(folder: Path, now: datetime) -> RunSummary:
    size, where = _measure_size(folder), str(folder)
    try:
        run = read_run(folder, with_states=False)
    except InputError:
        return RunSummary(name=folder.name, state="unreadable", size_bytes=size, where=where)
    return RunSummary(
        name=folder.name,
        state=run.status,
        episode=run.episodes_done,
        episodes=run.config.episodes,
        loss=run.records[-1].loss if run.records else None,
        device=run.device,
        age_seconds=_measure_age(run, now),
        size_bytes=size,
        where=where,
    )


def _measure_age(run: Run, now: datetime) -> float | None:
    try:
        start = datetime.fromisoformat(run.start_time or "")
    except ValueError:  # another program may have written the journal
        return None
    return (now - start).total_seconds() if start.tzinfo else None
