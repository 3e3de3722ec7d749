"""The run's journal, `runs/RUN/events.jsonl`: its events with their times, except the episodes.

Each line is a JSON object. Every session of the run appends to the file; `qca report` reads it. A
failed write is reported once and never stops training. No line is ever removed.

If a session resumes from a checkpoint, earlier events about later episodes are void;
`first_episode` and `made_again_until` in the session's `started` line give the range.
"""

import json
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from qca.core.json_object import parse_object
from qca.core.plain_files import open_plain, read_plain
from qca.core.units import MIB
from qca.runs.events import (
    ConfigChanged,
    EpisodeRecord,
    JournalEvent,
    Skipped,
    Started,
    Warn,
)

# Enough for a run that lasts years, with an event for every episode.
_LARGEST_FILE = 256 * MIB
_LARGEST_NUMBER = 2**63

_MODELS: Mapping[str, type[JournalEvent]] = {
    model.model_fields["event"].default: model for model in get_args(JournalEvent)
}
_FIELDS = {kind: model.model_fields.keys() for kind, model in _MODELS.items()}


@dataclass(frozen=True)
class UnknownEvent:
    """An event of a kind, or with values, that this version does not write."""

    event: str
    """Its kind."""
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class JournalEntry:
    """A line of the journal."""

    time: str
    """The time in ISO 8601, if this program wrote the line."""
    event: JournalEvent | UnknownEvent


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
            warn(f"{path}: cannot be written, so no more events are recorded: {error.strerror}")

    yield append_event


def read_journal(path: Path) -> list[JournalEntry]:
    """Return the entries, oldest first, without invalid lines, such as one truncated by a crash."""
    try:
        content = read_plain(path, limit=_LARGEST_FILE, follow=False)
    except FileNotFoundError:
        return []
    lines = content.decode(errors="replace").splitlines()
    return [entry for line in lines if (entry := _parse_entry(line)) is not None]


def list_skipped_episodes(journal: Iterable[JournalEntry]) -> list[int]:
    """Return the skipped episodes, without those that were repeated later."""
    found: set[int] = set()
    for entry in journal:
        match entry.event:
            case Skipped(episode=episode):
                found.add(episode)
            case Started(first_episode=first):
                found = {episode for episode in found if episode < first}
            case _:
                pass
    return sorted(found)


def list_config_changes(journal: Iterable[JournalEntry]) -> list[ConfigChanged]:
    """Return the changes to the configuration, without those whose episodes were repeated later."""
    found: list[ConfigChanged] = []
    for entry in journal:
        match entry.event:
            case ConfigChanged() as change:
                found.append(change)
            case Started(first_episode=first):
                found = [change for change in found if change.episode < first]
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


def _parse_entry(line: str) -> JournalEntry | None:
    try:
        fields = parse_object(line)
    except ValueError:
        return None
    time, kind = fields.pop("time", None), fields.pop("event", None)
    small = all(abs(value) < _LARGEST_NUMBER for value in fields.values() if isinstance(value, int))
    if not (isinstance(time, str) and isinstance(kind, str) and small):
        return None
    return JournalEntry(time, _parse_event(kind, fields))


def _parse_event(kind: str, fields: dict[str, Any]) -> JournalEvent | UnknownEvent:
    """Return the event with the fields that this version knows; a later one may have added some."""
    if kind in _MODELS:
        known = {key: fields[key] for key in fields.keys() & _FIELDS[kind]}
        with suppress(ValidationError):
            return _MODELS[kind].model_validate(known)
    return UnknownEvent(kind, fields)
