"""The run's journal, `runs/RUN/events.jsonl`: its events with their times, except the episodes.

Each line is a JSON object. Every session of the run appends to the file; `qca report` reads it. A
failed write is reported once and never stops training. No line is ever removed.

If a session resumes from a checkpoint, earlier events about later episodes are void;
`first_episode` and `made_again_until` in the session's `started` line give the range.
"""

import json
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from qca.core.json_object import parse_object
from qca.core.plain_files import open_plain, read_plain
from qca.core.units import MIB
from qca.runs.events import EpisodeRecord, Warn

# Enough for a run of years with an event for every episode.
_LARGEST_FILE = 256 * MIB
_LARGEST_NUMBER = 2**63


@contextmanager
def open_journal(path: Path, *, warn: Warn) -> Generator[Callable[[BaseModel], None]]:
    """Yield a listener that appends every event except the episodes; the run folder must exist."""
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
            warn(f"{path}: cannot be written, no more events are recorded: {error.strerror}")

    yield append_event


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Return the events, oldest first, without invalid lines, such as one truncated by a crash."""
    try:
        content = read_plain(path, limit=_LARGEST_FILE, follow=False)
    except FileNotFoundError:
        return []
    lines = content.decode(errors="replace").splitlines()
    return [event for line in lines if (event := _parse_event(line)) is not None]


def list_skipped_episodes(events: Iterable[Mapping[str, Any]]) -> list[int]:
    """Return the skipped episodes, without those that were repeated later."""
    found: set[int] = set()
    for event in events:
        match event:
            case {"event": "skipped", "episode": int(episode)}:
                found.add(episode)
            case {"event": "started", "first_episode": int(first)}:
                found = {episode for episode in found if episode < first}
            case _:
                pass
    return sorted(found)


def list_config_changes(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the `config-changed` events, without those whose episodes were repeated later."""
    found: list[Mapping[str, Any]] = []
    for event in events:
        match event:
            case {"event": "config-changed", "episode": int(), "before": dict(), "now": dict()}:
                found.append(event)
            case {"event": "started", "first_episode": int(first)}:
                found = [change for change in found if change["episode"] < first]
            case _:
                pass
    return found


def _append_line(path: Path, line: str) -> None:
    """Append a line; first end a line that a crash truncated, so that only that line is lost."""
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
