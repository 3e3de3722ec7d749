"""`metrics.jsonl`: one line of JSON for each episode that was not skipped. Works without torch.

The file is the authoritative record of a run, with each episode once and in order. Training only
appends to it, with one exception: when it resumes from a checkpoint, it first drops the lines of
the episodes that it will repeat. It then replaces the file and never truncates it in place.
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

# The loss of one episode comes from a few random states with random noise; the mean of ten episodes
# varies a third as much.
_RECENT = 10

# Enough for two million episodes.
_LARGEST_FILE = GIB


def read_records(path: Path) -> list[EpisodeRecord]:
    """Read `metrics.jsonl` without an incomplete last line; return an empty list if it is missing.

    Raises:
        InputError: a line is not a record; the message names the file and the line.

    """
    return [record for record, _ in _read_lines(path)]


class MetricsLog:
    """The file `metrics.jsonl`, open for appending.

    Opening it drops the lines after episode `keep` and an incomplete last line.
    `last_episode_found` is the last episode in the file before that.

    Raises:
        InputError: a line is not a record.
        CheckpointError: the file cannot be written.

    """

    def __init__(self, path: Path, *, keep: int) -> None:
        self.path = path
        try:
            records, self.last_episode_found = _drop_later_lines(path, keep)
            self._file = open_plain(path, "ab", follow=False)
        except OSError as error:
            raise _write_error(path, error) from None
        self.count = len(records)
        self._recent = deque(records, maxlen=_RECENT)

    def append(self, record: EpisodeRecord) -> None:
        """Append one line and flush it, so that readers see it."""
        try:
            self._file.write(record.model_dump_json().encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise _write_error(self.path, error) from None
        self.count += 1
        self._recent.append(record)

    def compute_recent_loss(self) -> float | None:
        """Return the mean loss of the last ten episodes; None if there are none.

        Ignores episodes whose terms differ from the newest one's, since they used another loss.
        """
        if not self._recent:
            return None
        terms = self._recent[-1].components.keys()
        losses = [record.loss for record in self._recent if record.components.keys() == terms]
        return sum(losses) / len(losses)

    def sync(self) -> None:
        """Wait until all lines are written to the disk."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _write_error(self.path, error) from None

    def close(self) -> None:
        """Close the file; `append` has already reported a failed write."""
        with suppress(OSError):
            self._file.close()


def _write_error(path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"{path}: cannot write the file: {error.strerror}",
        hint="Free disk space or fix the permissions, then continue with --resume.",
    )


def _read_content(path: Path) -> bytes:
    """Return the content of the file; empty if it does not exist."""
    try:
        return read_plain(path, limit=_LARGEST_FILE, follow=False)
    except FileNotFoundError:
        return b""


def _read_lines(path: Path) -> list[tuple[EpisodeRecord, bytes]]:
    """Return each record with its line, without a last line that has no newline."""
    lines = _read_content(path).split(b"\n")[:-1]
    records: list[tuple[EpisodeRecord, bytes]] = []
    for number, line in enumerate(lines, start=1):
        try:
            record = EpisodeRecord.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "line"
            raise InputError(
                f"{path}:{number}: not a metrics record: {where}: {first['msg']}",
                hint="Only qca writes this file; remove the line, or start another run.",
            ) from None
        records.append((record, line))
    return records


def _drop_later_lines(path: Path, episode: int) -> tuple[Sequence[EpisodeRecord], int]:
    """Drop the lines after `episode`; return the remaining records, and the last episode found.

    The remaining records have each episode once, in order.
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
