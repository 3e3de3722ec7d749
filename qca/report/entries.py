"""The run's journal in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from qca.report.words import count, spaced

_ENDINGS = {
    "complete": "Complete",
    "stopped": "Stopped, with a checkpoint",
    "already-complete": "Asked to go on, and found complete",
}

# Of these many come in a row; they are told as one, with the rest behind it.
_GATHERED = {"checkpoint": "checkpoints", "skipped": "episodes skipped"}


@dataclass(frozen=True)
class Entry:
    """A line of the journal, or several of a kind in a row."""

    time: str
    """As in the journal: ISO 8601."""
    title: str
    text: str = ""
    inner: tuple["Entry", ...] = ()


def entries(events: Sequence[Mapping[str, Any]]) -> Iterator[Entry]:
    """Yield what happened, in order."""
    for kind, group in groupby(events, key=lambda event: event["event"]):
        told = tuple(_entry(event) for event in group)
        if kind in _GATHERED and len(told) > 1:
            title = f"{len(told)} {_GATHERED[kind]}, the last: {_small(told[-1].title)}"
            yield Entry(told[-1].time, title, inner=told)
        else:
            yield from told


def _entry(event: Mapping[str, Any]) -> Entry:
    """Say an event in words; also one of a kind that is younger than this."""
    time = str(event["time"])
    match event:
        case {"event": "started", "first_episode": int(first), "device": str(device)}:
            title = "Started" if first == 1 else f"Continued with episode {first:,}"
            how = f"On {device}, {event.get('precision', 'fp32')}, recompute "
            said = [how + str(event.get("recompute", "unknown")), *(event.get("warnings") or ())]
            return Entry(time, title, ". ".join(map(str, said)))
        case {"event": "checkpoint", "episode": int(episode)}:
            return Entry(time, f"Checkpoint of episode {episode:,}")
        case {"event": "skipped", "episode": int(episode), "because": because}:
            return Entry(time, f"Episode {episode:,} skipped", str(because))
        case {"event": "plan-changed", "episode": int(episode), "recompute": recompute}:
            return Entry(
                time,
                f"Episode {episode:,} made again with recompute {recompute}",
                f"Memory was refused: {event.get('because', 'unknown')}",
            )
        case {"event": "noted", "message": message}:
            return Entry(time, "Note", str(message))
        case {"event": "finished", "reason": str(reason), "episodes": int(episodes)}:
            return Entry(time, _ENDINGS.get(reason, spaced(reason)), count(episodes, "episode"))
    fields = ((key, value) for key, value in event.items() if key not in ("time", "event"))
    text = ", ".join(f"{spaced(key)} {value}" for key, value in fields)
    return Entry(time, spaced(event["event"]).capitalize(), text)


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]
