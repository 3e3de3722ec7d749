"""Summarize the progress of a training run for `qca status`. Needs neither torch nor numpy."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from qca.core.plain_files import open_plain
from qca.runs.events import EpisodeRecord, Started, parse_event

# The newest episodes predict the time of the next ones.
_RECENT = 20

# Bytes to read from the end of a metrics file: enough for many more lines than needed.
_TAIL_BYTES = 64 * 1024


@dataclass(frozen=True)
class Expectation:
    """The decisions made when training was launched; None means unknown."""

    episodes: int | None = None
    device: str | None = None
    predicted_peak_bytes: int | None = None
    context_bytes: int | None = None
    budget_bytes: int | None = None


@dataclass(frozen=True)
class Memory:
    """Memory of the trainer's process on its device, in tensors and outside them."""

    used_bytes: int
    """Peak so far."""
    predicted_bytes: int | None
    budget_bytes: int | None


@dataclass(frozen=True)
class Progress:
    """The progress of a training run."""

    newest: EpisodeRecord
    episodes: int | None
    """Number of episodes to run; None means unknown."""
    eta_seconds: float | None
    """Time until the end; None if nothing is running, or `episodes` is unknown."""
    memory: Memory
    losses: tuple[float, ...]
    """Losses of the last episodes, oldest first."""


def summarize_progress(
    records: Sequence[EpisodeRecord], expected: Expectation, *, running: bool
) -> Progress | None:
    """Return the progress according to the last records, oldest first; None without records."""
    if not records:
        return None
    newest, eta = records[-1], None
    if running and expected.episodes is not None:
        left = max(0, expected.episodes - newest.episode)
        eta = left * median(record.seconds for record in records[-_RECENT:])
    memory = _measure_memory(newest, expected)
    losses = tuple(record.loss for record in records[-_RECENT:])
    return Progress(newest, expected.episodes, eta, memory, losses)


def parse_newest_records(lines: Sequence[str]) -> list[EpisodeRecord]:
    """Return the last episodes among a trainer's lines, ignoring other lines.

    If a restarted trainer repeats episodes, their earlier records are dropped.
    """
    found: list[EpisodeRecord] = []
    for line in lines:
        try:
            event = parse_event(line)
        except ValueError:
            continue
        if isinstance(event, EpisodeRecord):
            found.append(event)
        elif isinstance(event, Started):
            found = [record for record in found if record.episode < event.first_episode]
    return found[-_RECENT:]


def read_last_lines(path: Path) -> list[str]:
    """Return the last complete lines of a metrics file of any length; an empty list if it is
    missing."""
    try:
        with open_plain(path, follow=False) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            tail = file.read()
    except FileNotFoundError:
        return []
    return tail.decode(errors="replace").split("\n")[:-1]


def _measure_memory(newest: EpisodeRecord, expected: Expectation) -> Memory:
    used, outside = newest.reserved_bytes or newest.memory_bytes, expected.context_bytes
    if expected.device == "cuda":  # the allocator does not count the context
        used += outside or 0
    peak = expected.predicted_peak_bytes
    predicted = None if peak is None or outside is None else peak + outside
    return Memory(used, predicted, expected.budget_bytes)
