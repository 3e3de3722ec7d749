"""`metrics.jsonl`: one line for each episode that was learned from. Needs no torch.

The file is the truth about a run: one JSON object a line, in the order of the episodes,
each episode once. It is only ever appended to, with one exception: a training that goes
on from a checkpoint first drops the lines of the episodes that it will repeat (the
file is then replaced, never cut in place).
"""

import os
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from qca.core.atomic_files import replace_file, sync
from qca.core.errors import CheckpointError, InputError
from qca.core.plain_files import open_plain, read_plain
from qca.core.units import GIB
from qca.runs.events import EpisodeRecord

# One episode's loss is that of a few random states under random noise; a mean of ten has a
# third of its scatter.
_RECENT = 10

# Two million episodes.
_LARGEST_FILE = GIB


def read_records(path: Path) -> list[EpisodeRecord]:
    """Read `metrics.jsonl` without an incomplete last line; a missing file has no records.

    Raises:
        InputError: with file and line, for a line that is not a record.

    """
    return [record for record, _ in _read_lines(path)]


class MetricsLog:
    """The file, opened for appending.

    Opening it drops the lines after episode `keep` and an incomplete last line;
    `last_episode_found` is the last episode before that.

    Raises:
        InputError: if a line is not a record. CheckpointError: if the file cannot be written.

    """

    def __init__(self, path: Path, *, keep: int) -> None:
        self.path = path
        try:
            records, self.last_episode_found = _drop_later_lines(path, keep)
            self._file = open_plain(path, "ab", follow=False)
        except OSError as error:
            raise _write_error(path, error) from None
        self.count = len(records)
        self.last_episode = records[-1].episode if records else 0
        self._recent = deque(records, maxlen=_RECENT)

    def append(self, record: EpisodeRecord) -> None:
        """Add one line, visible to readers when this returns."""
        try:
            self._file.write(record.model_dump_json().encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise _write_error(self.path, error) from None
        self.count += 1
        self._recent.append(record)

    def compute_recent_loss(self) -> float | None:
        """Return the mean loss of the newest ten episodes; None if there is none.

        Episodes with other terms than the newest one's are left out: the loss was another.
        """
        if not self._recent:
            return None
        terms = self._recent[-1].components.keys()
        losses = [record.loss for record in self._recent if record.components.keys() == terms]
        return sum(losses) / len(losses)

    def sync(self) -> None:
        """Wait until the lines are on the disk."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _write_error(self.path, error) from None

    def close(self) -> None:
        """Close the file; a write that failed has been reported by `append`."""
        with suppress(OSError):
            self._file.close()


def _write_error(path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"{path}: cannot be written: {error.strerror}",
        hint="Make room or fix the permissions, then continue with --resume.",
    )


def _read_content(path: Path) -> bytes:
    """Return what is in the file; nothing if there is none."""
    try:
        return read_plain(path, limit=_LARGEST_FILE, follow=False)
    except FileNotFoundError:
        return b""


def _read_lines(path: Path) -> list[tuple[EpisodeRecord, bytes]]:
    """Return each record with its line; without a last line that has no newline."""
    lines = _read_content(path).split(b"\n")[:-1]
    records: list[tuple[EpisodeRecord, bytes]] = []
    for number, line in enumerate(lines, start=1):
        try:
            record = EpisodeRecord.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "line"
            raise InputError(
                f"{path}:{number}: no metrics record: {where}: {first['msg']}",
                hint="Only qca writes this file; take the line out, or start another run.",
            ) from None
        records.append((record, line))
    return records


def _drop_later_lines(path: Path, episode: int) -> tuple[Sequence[EpisodeRecord], int]:
    """Drop the lines after `episode`; return the records left, and the last episode before that.

    The records that are left have each episode once, in order.
    """
    found = {record.episode: (record, line) for record, line in _read_lines(path)}
    left = [found[number] for number in sorted(found) if number <= episode]
    content = b"".join(line + b"\n" for _, line in left)
    if path.exists() and _read_content(path) != content:
        with replace_file(path) as unfinished:
            unfinished.write_bytes(content)
    elif path.exists():
        sync(path)
    return [record for record, _ in left], max(found, default=0)
