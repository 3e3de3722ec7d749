"""Turn the run's journal into sentences."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from qca.core.units import format_count
from qca.report.formatting import format_key
from qca.runs.events import (
    CheckpointWritten,
    ConfigChanged,
    Finish,
    Finished,
    JournalEvent,
    Noted,
    PlanChanged,
    Skipped,
    Started,
)
from qca.runs.journal import JournalEntry, UnknownEvent
from qca.runs.resume_messages import describe_config_change, describe_repeated_episodes

_ENDINGS: Mapping[Finish, str] = {
    "complete": "Complete",
    "stopped": "Stopped, with a checkpoint",
    "already-complete": "Resumed, but already complete",
}

# Consecutive events of these kinds become one entry, which the reader can expand.
_GROUPED = {"checkpoint": "checkpoints", "skipped": "episodes skipped"}


@dataclass(frozen=True)
class Entry:
    """An event of the journal, or several consecutive ones of the same kind."""

    time: str
    """The time in ISO 8601, as in the journal."""
    title: str
    text: str = ""
    inner: tuple["Entry", ...] = ()


def build_timeline(journal: Sequence[JournalEntry]) -> Iterator[Entry]:
    """Yield an entry for each event, in order; consecutive checkpoints or skips share one."""
    repeated = _find_repeated(journal)
    described = [
        (line.event.event, _build_entry(line, number in repeated))
        for number, line in enumerate(journal)
    ]
    for kind, group in groupby(described, key=itemgetter(0)):
        entries = tuple(entry for _, entry in group)
        if kind in _GROUPED and len(entries) > 1:
            last = entries[-1]
            title = f"{len(entries)} {_GROUPED[kind]}, the last: {_lower_first(last.title)}"
            yield Entry(last.time, title, inner=entries)
        else:
            yield from entries


def _find_repeated(journal: Sequence[JournalEntry]) -> set[int]:
    """Return the indices of the skipped episodes that were repeated later."""
    repeated: set[int] = set()
    next_start = math.inf  # lowest first episode of the sessions after the event
    for number, line in reversed(list(enumerate(journal))):
        match line.event:
            case Started(first_episode=first):
                next_start = min(first, next_start)
            case Skipped(episode=episode) if episode >= next_start:
                repeated.add(number)
            case _:
                pass
    return repeated


def _build_entry(line: JournalEntry, is_repeated: bool) -> Entry:
    """Return an event as sentences; for an unknown kind, list its fields."""
    title, text = _describe_event(line.event, is_repeated)
    return Entry(line.time, title, text)


def _describe_event(event: JournalEvent | UnknownEvent, is_repeated: bool) -> tuple[str, str]:
    """Return the title and the text of an event's entry."""
    match event:
        case Started():
            first = event.first_episode
            title = "Started" if first == 1 else f"Resumed at episode {first:,}"
            return title, _describe_start(event)
        case CheckpointWritten(episode=episode):
            return f"Checkpoint of episode {episode:,}", ""
        case Skipped(episode=episode, because=because):
            later = " and repeated later" if is_repeated else ""
            return f"Episode {episode:,} skipped{later}", because
        case PlanChanged(episode=episode, because=because, recompute=recompute):
            title = f"Episode {episode:,} repeated with recompute {recompute}"
            return title, f"Memory allocation failed: {because}"
        case ConfigChanged(episode=episode, before=before, now=now):
            title = f"Configuration changed at episode {episode:,}"
            return title, describe_config_change(before, now)
        case Noted(message=message):
            return "Note", message
        case Finished(reason=reason, episodes=episodes):
            return _ENDINGS[reason], format_count(episodes, "episode")
        case UnknownEvent(event=kind, fields=fields):
            text = ", ".join(f"{format_key(key)} {value}" for key, value in fields.items())
            return format_key(kind).capitalize(), text


def _describe_start(event: Started) -> str:
    together = f" in {event.processes} processes" if event.processes != 1 else ""
    sentences = [
        f"On {event.device}{together}, {event.precision}, recompute {event.recompute}",
        *event.warnings,
    ]
    if event.made_again_until is not None:
        repeated = describe_repeated_episodes(event.first_episode, event.made_again_until)
        sentences.insert(1, repeated)
    return ". ".join(sentences)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
