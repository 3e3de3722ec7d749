"""What a training reports: events, and one line an episode in `metrics.jsonl`. Needs no torch.

The file is the truth about a run: one JSON object a line, in the order of the episodes,
each episode once. It is only ever appended to, with one exception: a training that goes
on from a checkpoint first drops the lines of the episodes that it will make again (the
file is then replaced, never cut in place).
"""

import os
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError

from qca.core.atomic_files import replace_file, sync
from qca.core.errors import CheckpointError, InputError

# One episode's loss is that of a few random states under random noise; a mean of ten has a
# third of its scatter.
_RECENT = 10

Finish = Literal["complete", "stopped", "already-complete"]


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Started(_Event):
    """The training is about to make its first episode."""

    event: Literal["started"] = "started"
    run: str
    device: str
    parameters: int
    first_episode: int
    """1, or the one after the checkpoint that is continued."""
    made_again_until: int | None = None
    """The last episode that had been made after that checkpoint, and is made again from
    `first_episode` on; what was told of these before counts no more. None where there is none."""
    episodes: int
    steps: int
    grid: int
    batch_size: int
    recompute: str
    precision: str = "fp32"
    optimizer_state: str = "device"
    processes: int = 1
    """How many train together; each has a batch of its own."""
    predicted_peak_bytes: int | None = None
    warnings: tuple[str, ...] = ()


class EpisodeRecord(_Event):
    """An episode was made and learned from; this is also a line of `metrics.jsonl`."""

    event: Literal["episode"] = "episode"
    episode: Annotated[int, Field(ge=1)]
    loss: FiniteFloat
    components: dict[str, FiniteFloat]
    """The loss's terms, each before its factor."""
    energy: FiniteFloat
    """E_T / E_0: what the last Euler step, or the damping of the whole episode, has left."""
    noise_rate: FiniteFloat
    learning_rate: FiniteFloat
    gradient_norm: FiniteFloat
    """Before clipping."""
    seconds: FiniteFloat
    steps_per_second: FiniteFloat
    """Steps of the automaton, forward and backward; a batch counts once."""
    memory_bytes: int
    """Peak so far: on CUDA the allocator's allocated bytes, on a CPU the process's resident set."""
    reserved_bytes: int | None = None
    """Peak so far of the bytes that CUDA's allocator has reserved; None on a CPU."""
    skipped: int = 0
    """Episodes of the run so far from which nothing was learned."""


class Skipped(_Event):
    """An episode gave a number that is not finite: nothing was learned from it."""

    event: Literal["skipped"] = "skipped"
    episode: int
    because: str
    loss_scale: FiniteFloat
    """The factor of the loss from now on; it moves under float16 alone."""


class PlanChanged(_Event):
    """The device refused memory: the episode is made again in a way that needs less."""

    event: Literal["plan-changed"] = "plan-changed"
    episode: int
    because: str
    """What the allocator said, with its numbers."""
    recompute: str
    """The plan from now on."""
    optimizer_state: str
    predicted_peak_bytes: int


class Noted(_Event):
    """Something that a person should know; the training goes on."""

    event: Literal["noted"] = "noted"
    message: str


class CheckpointWritten(_Event):
    """A checkpoint is safe on the disk."""

    event: Literal["checkpoint"] = "checkpoint"
    episode: int
    """Whole episodes that it contains."""
    path: str
    loss: FiniteFloat | None = None
    """Mean of the newest ten episodes' losses; None where nothing was learned yet."""
    best_episode: int | None = None
    """The episode of the checkpoint with the lowest such loss, which is kept."""


class Finished(_Event):
    """The training has ended in order."""

    event: Literal["finished"] = "finished"
    reason: Finish
    episodes: int
    """Whole episodes of the run, earlier sessions included."""


Event = Started | EpisodeRecord | Skipped | PlanChanged | Noted | CheckpointWritten | Finished

_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


def parse_event(line: str | bytes) -> Event:
    """Read an event from its JSON, as `event.model_dump_json()` writes it.

    Raises:
        ValueError: if it is none.

    """
    return _EVENT.validate_json(line)


def read_records(path: Path) -> list[EpisodeRecord]:
    """Read `metrics.jsonl`; a last line that is not complete yet is left out, no file is empty.

    Raises:
        InputError: with file and line, for a line that is no record.

    """
    return [record for record, _ in _read(path)]


class MetricsLog:
    """The file, opened to be appended to.

    On opening, lines after episode `keep` and a last line cut in the middle are dropped;
    `last_found` is the last episode that was there before.

    Raises:
        InputError: if a line is no record. CheckpointError: if the file cannot be written.

    """

    def __init__(self, path: Path, *, keep: int) -> None:
        self.path = path
        try:
            records, self.last_found = _keep_until(path, keep)
            self._file = path.open("ab")
        except OSError as error:
            raise _unwritable(path, error) from None
        self.count = len(records)
        self.last_episode = records[-1].episode if records else 0
        self._recent = deque((record.loss for record in records), maxlen=_RECENT)

    def append(self, record: EpisodeRecord) -> None:
        """Add one line, visible to readers when this returns."""
        try:
            self._file.write(record.model_dump_json().encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise _unwritable(self.path, error) from None
        self.count += 1
        self._recent.append(record.loss)

    def recent_loss(self) -> float | None:
        """Return the mean loss of the newest ten episodes; None where there is none."""
        return sum(self._recent) / len(self._recent) if self._recent else None

    def sync(self) -> None:
        """Wait until the lines are on the disk."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _unwritable(self.path, error) from None

    def close(self) -> None:
        """Close the file; what could not be written any more has been reported before."""
        with suppress(OSError):
            self._file.close()


def _unwritable(path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"{path}: cannot be written: {error.strerror}",
        hint="Make room or fix the permissions, then continue with --resume.",
    )


def _read(path: Path) -> list[tuple[EpisodeRecord, bytes]]:
    """Return each record with its line; without a last line that has no newline."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
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


def _keep_until(path: Path, episode: int) -> tuple[Sequence[EpisodeRecord], int]:
    """Drop what comes after `episode`; return what is left, and the last episode that was there.

    What is left has each episode once, in order.
    """
    found = {record.episode: (record, line) for record, line in _read(path)}
    kept = [found[number] for number in sorted(found) if number <= episode]
    content = b"".join(line + b"\n" for _, line in kept)
    if path.exists() and path.read_bytes() != content:
        with replace_file(path) as unfinished:
            unfinished.write_bytes(content)
    elif path.exists():
        sync(path)
    return [record for record, _ in kept], max(found, default=0)
