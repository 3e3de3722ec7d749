"""Send a run's metrics to the store in the background, each episode once and in order.

The store is a copy of the append-only `metrics.jsonl`. The ID of a stream entry is the episode's
number, so sending it twice changes nothing. Each batch also reads the length of the stream, which
reveals whether another client has emptied it. If so, the stream is refilled.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

from qca.core.errors import StoreError
from qca.runs.metrics_spool import MetricsSpool
from qca.store.client import TIMEOUT_SECONDS, begin_transaction, format_stream_key

# In episodes, which take 40 MiB in Valkey, at 400 bytes each (measured).
STREAM_LENGTH = 100_000

_RETRY_SECONDS = 1.0

# The shortest time between two sends. A send takes this process a millisecond or less, so sending
# uses at most a few thousandths of its time, even if episodes are short.
_PACE_SECONDS = 0.25

# Episodes per round trip while a store catches up.
_BATCH = 500

_FIELD = b"record"


class MetricsSender:
    """Sends a run's metrics to the store in the background; training never waits for it.

    It does not read the file before the first `notify`: a resumed run may first replace the file,
    and a refused run must not touch another run's stream.

    ::

        with MetricsSender(client, "first", metrics_file, warn=warn) as sender:
            ...                # after each episode:
            sender.notify()
    """

    def __init__(
        self, client: redis.Redis, run: str, metrics_file: Path, *, warn: Callable[[str], None]
    ) -> None:
        self._client = client
        self._file = metrics_file
        self._stream = _Stream(client, format_stream_key(run), MetricsSpool(metrics_file))
        self._warn = warn
        self._in_trouble = False
        self._was_notified = False
        self._due = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics-sender", daemon=True)

    def __enter__(self) -> "MetricsSender":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Try briefly to send the rest, and warn if that fails; the file has all metrics anyway."""
        self._ending.set()
        self._due.set()
        self._thread.join(2 * TIMEOUT_SECONDS)
        if self._was_notified and (self._thread.is_alive() or not self._stream.is_complete()):
            self._warn(f"the store lacks some metrics; all of them are in {self._file}")
        self._client.close()

    def notify(self) -> None:
        """Tell the sender that the file has grown."""
        self._was_notified = True
        self._due.set()

    def _run(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            ending = self._ending.is_set()
            if self._was_notified:
                self._send()
            if ending:
                return
            self._ending.wait(_RETRY_SECONDS if self._in_trouble else _PACE_SECONDS)

    def _send(self) -> None:
        try:
            self._stream.fill()
        except Exception as error:  # training continues, no matter what answers at that address
            self._due.set()
            if not self._in_trouble:
                self._warn(
                    f"the store does not accept metrics ({_describe_error(error)}); training "
                    "continues and sends them later"
                )
            self._in_trouble = True
        else:
            if self._in_trouble:
                self._warn("the store accepts metrics again and has all of them")
            self._in_trouble = False


def _describe_error(error: Exception) -> str:
    if isinstance(error, redis.AuthenticationError):
        return f"{error} The password comes from the file given with --store-flags."
    return str(error) or type(error).__name__


class _Stream:
    """The run's stream in the store: a contiguous range of the spool's lines, up to the last."""

    def __init__(self, client: redis.Redis, key: str, spool: MetricsSpool) -> None:
        self._client = client
        self._key = key
        self._spool = spool
        self._lines: range | None = None
        """The numbers of the spool's lines in the stream; None if only the store knows."""

    def is_complete(self) -> bool:
        """Return whether the last `fill` succeeded."""
        return self._lines is not None

    def fill(self) -> None:
        """Append the lines that the stream lacks.

        Raises:
            redis.RedisError, StoreError, OSError, ValueError: the store or the file failed; the
                next call first queries the store.

        """
        self._spool.read_appended()
        lines, self._lines = self._lines, None
        if lines is None:
            lines = self._query_lines()
        lines = self._append(lines)
        while lines.stop < len(self._spool):
            lines = self._append(lines)
        self._lines = lines

    def _query_lines(self) -> range:
        """Return the stream's lines; delete the stream if it is not a range of the spool's lines.

        Its length and its two ends are enough to decide that, since lines are added only in order.
        """
        first_needed = max(0, len(self._spool) - STREAM_LENGTH)
        with begin_transaction(self._client) as pipeline:
            pipeline.xlen(self._key)
            pipeline.xrange(self._key, count=1)
            pipeline.xrevrange(self._key, count=1)
            length, oldest, newest = pipeline.execute()
        first, last = self._find_line(oldest), self._find_line(newest)
        if first is not None and last is not None:
            lines = range(first, last + 1)
            if len(lines) == length and first <= first_needed:
                return lines
        self._client.delete(self._key)  # delete even an empty stream, which remembers its newest ID
        return range(first_needed, first_needed)

    def _find_line(self, entries: list[Any]) -> int | None:
        """Return the number of the spool's line in an entry; None if the spool has no such line."""
        for entry_id, fields in entries:
            number = self._spool.find_line(int(entry_id.split(b"-")[0]))
            if number is not None:
                [(_, line)] = self._spool.read_lines(number, number + 1)
                return number if fields == {_FIELD: line} else None
        return None

    def _append(self, lines: range) -> range:
        """Send the next lines, if there are any; return the lines that the stream then holds.

        One transaction prevents the store from refusing an early part of a batch and accepting a
        later one.
        """
        end = min(lines.stop + _BATCH, len(self._spool))
        with begin_transaction(self._client) as pipeline:
            for episode, line in self._spool.read_lines(lines.stop, end):
                pipeline.xadd(
                    self._key,
                    {_FIELD: line},
                    id=f"{episode}-0",
                    maxlen=STREAM_LENGTH,
                    approximate=False,
                )
            pipeline.xlen(self._key)
            length = pipeline.execute()[-1]
        now = range(max(lines.start, end - STREAM_LENGTH), end)
        if length != len(now):
            raise StoreError(f"another client emptied or changed the stream {self._key}")
        return now
