"""TensorBoard event files of a run, `runs/RUN/tensorboard/`. Needs no torch.

A copy for TensorBoard's eyes; the truth is `metrics.jsonl`. What cannot be written here
(a full disk, a missing library) is said once and never stops a training.

`tensorboardX` brings the messages and the checksum. Its own writer is not used: that one
hands records to a thread, which dies of the first failed write and then blocks the training
as soon as its queue is full. Here a record is one write to the file: a training that is
killed has lost none.
"""

import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from io import FileIO
from pathlib import Path
from typing import Any

from qca.runs.events import EpisodeRecord, Event, Started

FOLDER_NAME = "tensorboard"

# The version of the format in which a restart voids what older files say of later steps
# (tensorboard, backend/event_processing/event_accumulator.py).
_FILE_VERSION = "brain.Event:2"

Warn = Callable[[str], None]


def _silent(message: str) -> None:
    pass


class Writer:
    """Writes the scalars of each episode; after the first failure it writes nothing more."""

    def __init__(self, file: FileIO | None, warn: Warn) -> None:
        self._file = file
        self._warn = warn

    def write(self, record: EpisodeRecord) -> None:
        """Add an episode."""
        if self._file is not None:
            self.put(_message(step=record.episode, summary=_summary(record)))

    def put(self, message: Any) -> None:
        """Add a message of TensorBoard's kind `Event`."""
        if self._file is None:
            return
        framed = _framed(message.SerializeToString())
        try:
            if self._file.write(framed) != len(framed):
                raise OSError("No space left on device")
        except OSError as error:
            self.close()
            self._warn(f"no TensorBoard files from here on: {error.strerror or error}")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None


def open_writer(folder: Path, first_episode: int, *, warn: Warn = _silent) -> Writer:
    """Begin an event file; what older ones say of `first_episode` and later is void.

    `warn` is called with a sentence if there can be no file; the writer then does nothing.
    """
    try:
        import tensorboardX  # noqa: F401 - whether it is there

        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / _new_name(folder)).open("xb", buffering=0)
    except (ImportError, OSError) as error:
        warn(f"no TensorBoard files: {error}")
        return Writer(None, warn)
    writer = Writer(file, warn)
    writer.put(_message(file_version=_FILE_VERSION))
    writer.put(_restart(first_episode))
    return writer


@contextmanager
def listening(folder: Path, *, warn: Warn) -> Iterator[Callable[[Event], None]]:
    """Yield a listener to a training's events that keeps the file of one session."""
    writer = Writer(None, warn)

    def on_event(event: Event) -> None:
        nonlocal writer
        if isinstance(event, Started):
            writer = open_writer(folder, event.first_episode, warn=warn)
        elif isinstance(event, EpisodeRecord):
            writer.write(event)

    try:
        yield on_event
    finally:
        writer.close()


def scalars(record: EpisodeRecord) -> dict[str, float]:
    """Return an episode's scalars by tag; TensorBoard groups by what is before the slash."""
    found = {
        "loss/total": record.loss,
        **{f"loss/{name}": value for name, value in record.components.items()},
        "energy/left": record.energy,
        "noise/rate": record.noise_rate,
        "optimizer/learning_rate": record.learning_rate,
        "optimizer/gradient_norm": record.gradient_norm,
        "speed/steps_per_second": record.steps_per_second,
        "speed/seconds": record.seconds,
        "memory/peak_bytes": float(record.memory_bytes),
    }
    if record.reserved_bytes is not None:
        found["memory/reserved_bytes"] = float(record.reserved_bytes)
    return found


def _new_name(folder: Path) -> str:
    """Return a name that comes after those that are there: TensorBoard reads in that order.

    As usual it holds the second; that alone would give two sessions one name, and a clock
    that was set back the wrong order.
    """
    older = (path.name.split(".")[3] for path in folder.glob("events.out.tfevents.*"))
    newest = max((int(second) for second in older if second.isdecimal()), default=0)
    second = max(int(time.time()), newest + 1)
    return f"events.out.tfevents.{second:010d}.{socket.gethostname()}.{os.getpid()}"


def _framed(data: bytes) -> bytes:
    """Return a TFRecord: length, checksum of the length, data, checksum of the data."""
    from tensorboardX.record_writer import masked_crc32c

    length = struct.pack("<Q", len(data))
    checks = (struct.pack("<I", masked_crc32c(part)) for part in (length, data))
    return length + next(checks) + data + next(checks)


def _message(**fields: Any) -> Any:
    return _format("event").Event(wall_time=time.time(), **fields)


def _summary(record: EpisodeRecord) -> Any:
    summary = _format("summary").Summary
    values = [summary.Value(tag=tag, simple_value=v) for tag, v in scalars(record).items()]
    return summary(value=values)


def _restart(first_episode: int) -> Any:
    """Return the message at which a reader drops what it has of this step and later ones."""
    session = _format("event").SessionLog
    return _message(step=first_episode, session_log=session(status=session.START))


def _format(name: str) -> Any:
    """Return a module of messages; what is in it is made when it is loaded."""
    return import_module(f"tensorboardX.proto.{name}_pb2")
