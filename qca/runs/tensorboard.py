"""Write the TensorBoard event files of a run, `runs/RUN/tensorboard/`.

The files are a copy of `metrics.jsonl` for TensorBoard. A failure (a full disk, a missing library)
is reported once and never stops training. Works without torch.

`tensorboardX` provides the messages and the checksum. Its writer is not used: the writer's thread
dies at the first failed write, and training then blocks as soon as the queue is full. Here each
record is one write to the file, so a killed trainer loses none.
"""

import os
import socket
import struct
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from importlib import import_module
from io import FileIO
from pathlib import Path
from typing import Any

from qca.runs.events import EpisodeRecord, Event, Listener, Started, Warn

# In this version of the format, a restart invalidates the later steps of older files (tensorboard,
# backend/event_processing/event_accumulator.py).
_FILE_VERSION = "brain.Event:2"


def _ignore(message: str) -> None:
    pass


class Writer:
    """Writes the scalars of each episode; stops writing after the first failure."""

    def __init__(self, file: FileIO | None, warn: Warn) -> None:
        self._file = file
        self._warn = warn

    def write_episode(self, record: EpisodeRecord) -> None:
        """Write the scalars of an episode."""
        if self._file is not None:
            self.write_message(_build_event(step=record.episode, summary=_build_summary(record)))

    def write_message(self, message: Any) -> None:
        """Write an `Event`, TensorBoard's own message."""
        if self._file is None:
            return
        data = _frame_record(message.SerializeToString())
        try:
            if self._file.write(data) != len(data):
                raise OSError("No space left on device")
        except OSError as error:
            self.close()
            self._warn(f"no more TensorBoard files are written: {error.strerror or error}")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None


def open_writer(folder: Path, first_episode: int, *, warn: Warn = _ignore) -> Writer:
    """Open a new event file, which invalidates older ones from `first_episode` on.

    If the file cannot be written, call `warn` with a sentence and return a writer that does
    nothing.
    """
    try:
        import_module("tensorboardX")  # fails here if it is not installed

        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / _choose_file_name(folder)).open("xb", buffering=0)
    except (ImportError, OSError) as error:
        warn(f"no TensorBoard files are written: {error}")
        return Writer(None, warn)
    writer = Writer(file, warn)
    writer.write_message(_build_event(file_version=_FILE_VERSION))
    writer.write_message(_build_restart(first_episode))
    return writer


@contextmanager
def open_tensorboard(folder: Path, *, warn: Warn) -> Generator[Listener]:
    """Yield a listener to a run's events that writes the event file of one session."""
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
    """Return an episode's scalars by tag; TensorBoard groups them by the part before the slash."""
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
    """Return a name that sorts after those in `folder`, since TensorBoard reads them in order.

    Like TensorBoard's own names it contains the time in seconds, but the time is always later than
    in any other file: two sessions may start within a second, and a clock may be set back.
    """
    older = (path.name.split(".")[3] for path in folder.glob("events.out.tfevents.*"))
    newest = max((int(second) for second in older if second.isdecimal()), default=0)
    second = max(int(time.time()), newest + 1)
    return f"events.out.tfevents.{second:010d}.{socket.gethostname()}.{os.getpid()}"


def _frame_record(data: bytes) -> bytes:
    """Return a TFRecord: length, checksum of the length, data, checksum of the data."""
    length = struct.pack("<Q", len(data))
    return length + _pack_checksum(length) + data + _pack_checksum(data)


def _pack_checksum(data: bytes) -> bytes:
    module = import_module("tensorboardX.record_writer")
    return struct.pack("<I", module.masked_crc32c(data))


def _build_event(**fields: Any) -> Any:
    return _load_messages("event").Event(wall_time=time.time(), **fields)


def _build_summary(record: EpisodeRecord) -> Any:
    summary = _load_messages("summary").Summary
    values = [summary.Value(tag=tag, simple_value=v) for tag, v in collect_scalars(record).items()]
    return summary(value=values)


def _build_restart(first_episode: int) -> Any:
    """Return the message that makes a reader drop its data from this step on."""
    session = _load_messages("event").SessionLog
    return _build_event(step=first_episode, session_log=session(status=session.START))


def _load_messages(name: str) -> Any:
    """Return a module of protobuf messages; its classes exist only at runtime."""
    return import_module(f"tensorboardX.proto.{name}_pb2")
