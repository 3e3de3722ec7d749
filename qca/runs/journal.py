"""The run's journal, `runs/RUN/events.jsonl`: what happened when, beside the episodes.

One JSON object a line, the event with the time at which it was reported; appended to by every
session of the run, read by `qca report`. Episodes are in `metrics.jsonl` and not here. A write
that fails is reported once and never stops a training.

It is a history: no line is ever removed. Where a session goes on from a checkpoint, earlier
events about the episodes after that checkpoint are void; the session's `started` line says so,
with `first_episode` and `made_again_until`.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from qca.core.json_object import parse_object
from qca.core.plain_files import open_plain, read_plain
from qca.core.units import MIB
from qca.runs.events import EpisodeRecord

# A run of years, with an event for every episode.
_LARGEST_FILE = 256 * MIB
_LARGEST_NUMBER = 2**63


@contextmanager
def open_journal(
    path: Path, *, warn: Callable[[str], None]
) -> Iterator[Callable[[BaseModel], None]]:
    """Yield a listener that appends each event but the episodes; the run folder must exist."""
    gave_up = False

    def append_event(event: BaseModel) -> None:
        nonlocal gave_up
        if gave_up or isinstance(event, EpisodeRecord):
            return
        time = datetime.now(UTC).isoformat(timespec="seconds")
        line = {"time": time, **event.model_dump(mode="json", exclude_none=True)}
        try:
            _append_line(path, json.dumps(line))
        except OSError as error:
            gave_up = True
            warn(f"{path}: no more events are noted: {error.strerror}")

    yield append_event


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Return the events, oldest first, without lines that are not events (one cut by a crash)."""
    try:
        content = read_plain(path, limit=_LARGEST_FILE, follow=False)
    except FileNotFoundError:
        return []
    lines = content.decode(errors="replace").splitlines()
    return [event for line in lines if (event := _parse_event(line)) is not None]


def list_skipped_episodes(events: Iterable[Mapping[str, Any]]) -> list[int]:
    """Return the episodes from which nothing was learned, without those that were repeated."""
    found: set[int] = set()
    for event in events:
        match event:
            case {"event": "skipped", "episode": int(episode)}:
                found.add(episode)
            case {"event": "started", "first_episode": int(first)}:
                found = {episode for episode in found if episode < first}
    return sorted(found)


def list_config_changes(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the changes of the configuration, without those whose episodes were repeated."""
    found: list[Mapping[str, Any]] = []
    for event in events:
        match event:
            case {"event": "config-changed", "episode": int(), "before": dict(), "now": dict()}:
                found.append(event)
            case {"event": "started", "first_episode": int(first)}:
                found = [change for change in found if change["episode"] < first]
    return found


def _append_line(path: Path, line: str) -> None:
    """Append a line, after ending one that a crash has cut: only the cut one is lost."""
    with open_plain(path, "a+b", follow=False) as file:
        if file.tell() > 0:
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                line = "\n" + line
        file.write(line.encode() + b"\n")


def _parse_event(line: str) -> dict[str, Any] | None:
    try:
        event = parse_object(line)
    except ValueError:
        return None
    whole = all(isinstance(event.get(key), str) for key in ("time", "event"))
    small = all(abs(value) < _LARGEST_NUMBER for value in event.values() if isinstance(value, int))
    return event if whole and small else None
