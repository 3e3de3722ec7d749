"""TensorBoard event files of a run, `runs/RUN/tensorboard/`. Needs no torch.

A copy for TensorBoard; the truth is `metrics.jsonl`. A failure here (a full disk, a missing
library) is reported once and never stops a training.

`tensorboardX` brings the messages and the checksum. Its own writer is not used: it hands
records to a thread, which dies at the first failed write and then blocks the training as soon
as its queue is full. Here a record is one write to the file: a training that is killed loses
none.
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

# The version of the format in which a restart voids what older files say of later steps
# (tensorboard, backend/event_processing/event_accumulator.py).
_FILE_VERSION = "brain.Event:2"

Warn = Callable[[str], None]


def _ignore(message: str) -> None:
    pass


class Writer:
    """Writes the scalars of each episode; after the first failure it writes nothing more."""

    def __init__(self, file: FileIO | None, warn: Warn) -> None:
        self._file = file
        self._warn = warn

    def write_episode(self, record: EpisodeRecord) -> None:
        """Add an episode."""
        if self._file is not None:
            self.write_message(_build_event(step=record.episode, summary=_build_summary(record)))

    def write_message(self, message: Any) -> None:
        """Add TensorBoard's own message `Event`."""
        if self._file is None:
            return
        data = _frame_record(message.SerializeToString())
        try:
            if self._file.write(data) != len(data):
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


def open_writer(folder: Path, first_episode: int, *, warn: Warn = _ignore) -> Writer:
    """Open a new event file, which voids older ones from `first_episode` on.

    `warn` is called with a sentence if the file cannot be written; the writer then does nothing.
    """
    try:
        import tensorboardX  # noqa: F401 - whether it is there

        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / _choose_file_name(folder)).open("xb", buffering=0)
    except (ImportError, OSError) as error:
        warn(f"no TensorBoard files: {error}")
        return Writer(None, warn)
    writer = Writer(file, warn)
    writer.write_message(_build_event(file_version=_FILE_VERSION))
    writer.write_message(_build_restart(first_episode))
    return writer


@contextmanager
def open_tensorboard(folder: Path, *, warn: Warn) -> Iterator[Callable[[Event], None]]:
    """Yield a listener to a training's events that writes the event file of one session."""
    writer = Writer(None, warn)

    def write_event(event: Event) -> None:
        nonlocal writer
        if isinstance(event, Started):
            writer = open_writer(folder, event.first_episode, warn=warn)
        elif isinstance(event, EpisodeRecord):
            writer.write_episode(event)

    try:
        yield write_event
    finally:
        writer.close()


def collect_scalars(record: EpisodeRecord) -> dict[str, float]:
    """Return an episode's scalars by tag; TensorBoard groups by what is before the slash."""
    scalars = {
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
        scalars["memory/reserved_bytes"] = float(record.reserved_bytes)
    return scalars


def _choose_file_name(folder: Path) -> str:
    """Return a name that sorts after those in `folder`: TensorBoard reads them in that order.

    It holds the second, as TensorBoard's own names do, but a later one than any other file's:
    two sessions may start within a second, or a clock be set back.
    """
    older = (path.name.split(".")[3] for path in folder.glob("events.out.tfevents.*"))
    newest = max((int(second) for second in older if second.isdecimal()), default=0)
    second = max(int(time.time()), newest + 1)
    return f"events.out.tfevents.{second:010d}.{socket.gethostname()}.{os.getpid()}"


def _frame_record(data: bytes) -> bytes:
    """Return a TFRecord: length, checksum of the length, data, checksum of the data."""
    from tensorboardX.record_writer import masked_crc32c

    length = struct.pack("<Q", len(data))
    checks = (struct.pack("<I", masked_crc32c(part)) for part in (length, data))
    return length + next(checks) + data + next(checks)


def _build_event(**fields: Any) -> Any:
    return _load_messages("event").Event(wall_time=time.time(), **fields)


def _build_summary(record: EpisodeRecord) -> Any:
    summary = _load_messages("summary").Summary
    values = [summary.Value(tag=tag, simple_value=v) for tag, v in collect_scalars(record).items()]
    return summary(value=values)


def _build_restart(first_episode: int) -> Any:
    """Return the message at which a reader drops what it has of this step and later ones."""
    session = _load_messages("event").SessionLog
    return _build_event(step=first_episode, session_log=session(status=session.START))


def _load_messages(name: str) -> Any:
    """Return a module of protobuf messages, which are created when it is loaded."""
    return import_module(f"tensorboardX.proto.{name}_pb2")
