"""Turn the run's journal into sentences."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from qca.core.units import format_count
from qca.report.formatting import format_key
from qca.runs.resume_messages import describe_config_change, describe_repeated_episodes

_ENDINGS = {
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


def build_timeline(events: Sequence[Mapping[str, Any]]) -> Iterator[Entry]:
    """Yield an entry for each event, in order; consecutive checkpoints or skips share one."""
    for kind, group in groupby(_mark_repeated(events), key=lambda event: event["event"]):
        entries = tuple(_build_entry(event) for event in group)
        if kind in _GROUPED and len(entries) > 1:
            last = entries[-1]
            title = f"{len(entries)} {_GROUPED[kind]}, the last: {_lower_first(last.title)}"
            yield Entry(last.time, title, inner=entries)
        else:
            yield from entries


def _mark_repeated(events: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return the events; add the key `repeated` to a skipped episode that was repeated later."""
    marked: list[Mapping[str, Any]] = []
    next_start = math.inf  # lowest first episode of the sessions after the event
    for event in reversed(events):
        match event:
            case {"event": "started", "first_episode": int(first)}:
                next_start = min(first, next_start)
                marked.append(event)
            case {"event": "skipped", "episode": int(episode)} if episode >= next_start:
                marked.append({**event, "repeated": True})
            case _:
                marked.append(event)
    return marked[::-1]


def _build_entry(event: Mapping[str, Any]) -> Entry:
    """Return an event as sentences; for an unknown kind, list its fields."""
    time = str(event["time"])
    match event:
        case {"event": "started", "first_episode": int(first), "device": str(device)}:
            title = "Started" if first == 1 else f"Resumed with episode {first:,}"
            together = f" in {n} processes" if (n := event.get("processes", 1)) != 1 else ""
            how = f"On {device}{together}, {event.get('precision', 'fp32')}, recompute "
            recompute, warnings = event.get("recompute", "unknown"), event.get("warnings") or ()
            sentences = [f"{how}{recompute}", *warnings]
            if isinstance(until := event.get("made_again_until"), int):
                sentences.insert(1, describe_repeated_episodes(first, until))
            return Entry(time, title, ". ".join(map(str, sentences)))
        case {"event": "checkpoint", "episode": int(episode)}:
            return Entry(time, f"Checkpoint of episode {episode:,}")
        case {"event": "skipped", "episode": int(episode), "because": because}:
            later = " and repeated later" if event.get("repeated") else ""
            return Entry(time, f"Episode {episode:,} skipped{later}", str(because))
        case {"event": "plan-changed", "episode": int(episode), "recompute": recompute}:
            return Entry(
                time,
                f"Episode {episode:,} repeated with recompute {recompute}",
                f"Memory was refused: {event.get('because', 'unknown')}",
            )
        case {"event": "config-changed", "episode": int(episode), "before": before, "now": now}:
            title = f"Configuration changed with episode {episode:,}"
            return Entry(time, title, describe_config_change(before, now))
        case {"event": "noted", "message": message}:
            return Entry(time, "Note", str(message))
        case {"event": "finished", "reason": str(reason), "episodes": int(episodes)}:
            title = _ENDINGS.get(reason, format_key(reason))
            return Entry(time, title, format_count(episodes, "episode"))
        case _:
            return _list_fields(event)


def _list_fields(event: Mapping[str, Any]) -> Entry:
    fields = ((key, value) for key, value in event.items() if key not in ("time", "event"))
    text = ", ".join(f"{format_key(key)} {value}" for key, value in fields)
    return Entry(str(event["time"]), format_key(event["event"]).capitalize(), text)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
