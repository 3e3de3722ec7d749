"""The run's journal in words."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from qca.report.formatting import count, spaced
from qca.runs.resume_messages import made_again

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
    for kind, group in groupby(_marked(events), key=lambda event: event["event"]):
        told = tuple(_entry(event) for event in group)
        if kind in _GATHERED and len(told) > 1:
            title = f"{len(told)} {_GATHERED[kind]}, the last: {_small(told[-1].title)}"
            yield Entry(told[-1].time, title, inner=told)
        else:
            yield from told


def _marked(events: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return the events, those marked that tell of an episode which was made again later."""
    marked: list[Mapping[str, Any]] = []
    later = math.inf  # the first episode of all sessions after the event
    for event in reversed(events):
        again = {}
        match event:
            case {"event": "started", "first_episode": int(first)}:
                later = min(first, later)
            case {"event": "skipped", "episode": int(episode)} if episode >= later:
                again = {"made_again": True}
        marked.append({**event, **again})
    return marked[::-1]


def _entry(event: Mapping[str, Any]) -> Entry:
    """Say an event in words; also one of a kind that is younger than this."""
    time = str(event["time"])
    match event:
        case {"event": "started", "first_episode": int(first), "device": str(device)}:
            title = "Started" if first == 1 else f"Continued with episode {first:,}"
            together = f" in {n} processes" if (n := event.get("processes", 1)) != 1 else ""
            how = f"On {device}{together}, {event.get('precision', 'fp32')}, recompute "
            said = [how + str(event.get("recompute", "unknown")), *(event.get("warnings") or ())]
            if isinstance(until := event.get("made_again_until"), int):
                said.insert(1, made_again(first, until))
            return Entry(time, title, ". ".join(map(str, said)))
        case {"event": "checkpoint", "episode": int(episode)}:
            return Entry(time, f"Checkpoint of episode {episode:,}")
        case {"event": "skipped", "episode": int(episode), "because": because}:
            later = ", and made again later" if event.get("made_again") else ""
            return Entry(time, f"Episode {episode:,} skipped{later}", str(because))
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
