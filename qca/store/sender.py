"""How a run's metrics reach the store: in the background, each episode once, in order.

The store is a copy; the truth is the run's `metrics.jsonl`, an append-only file. Each
episode goes into a stream under an id made of its number, so that sending it twice changes
nothing. With every batch the store says how long the stream is now, so that one which was
emptied, even behind our back, is noticed and filled again.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

from qca.core.errors import StoreError
from qca.runs.metrics_spool import Spool
from qca.store.client import TIMEOUT_SECONDS, stream_key

# Nobody scrolls through more. Measured in Valkey: 40 MiB, at 400 bytes an episode.
STREAM_LENGTH = 100_000

_RETRY_SECONDS = 1.0

# A send costs this process a millisecond or less, however many episodes it carries: no more
# often than this, that is a few thousandths of its time, however short the episodes are.
_PACE_SECONDS = 0.25

# One round trip carries this many episodes when a store has to catch up.
_BATCH = 500

_FIELD = b"record"


class MetricsSender:
    """Sends a run's metrics to the store in the background; training never waits for it.

    The file is not looked at before the first `notify`: a training that is continued may
    begin by replacing it, and one that is refused must not touch another's stream.

    ::

        with MetricsSender(client, "first", metrics_file, warn=say) as sender:
            ...                # after each episode:
            sender.notify()
    """

    def __init__(
        self, client: redis.Redis, run: str, metrics_file: Path, *, warn: Callable[[str], None]
    ) -> None:
        self._client = client
        self._file = metrics_file
        self._stream = _Stream(client, stream_key(run), Spool(metrics_file))
        self._warn = warn
        self._in_trouble = False
        self._begun = False
        self._due = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics-sender", daemon=True)

    def __enter__(self) -> "MetricsSender":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Give what is unsent one last, short chance; it is on disk in any case."""
        self._ending.set()
        self._due.set()
        self._thread.join(2 * TIMEOUT_SECONDS)
        if self._begun and (self._thread.is_alive() or not self._stream.is_complete()):
            self._warn(f"the store did not get every metric; all of them are in {self._file}")
        self._client.close()

    def notify(self) -> None:
        """Say that the file has grown."""
        self._begun = True
        self._due.set()

    def _run(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            ending = self._ending.is_set()
            if self._begun:
                self._send()
            if ending:
                return
            self._ending.wait(_RETRY_SECONDS if self._in_trouble else _PACE_SECONDS)

    def _send(self) -> None:
        try:
            self._stream.fill()
        except Exception as error:  # whatever it is that answers there, training goes on
            self._due.set()
            if not self._in_trouble:
                self._warn(
                    f"the store takes no metrics ({_why(error)}); training goes on without it, "
                    "and it gets them when it does"
                )
            self._in_trouble = True
        else:
            if self._in_trouble:
                self._warn("the store takes metrics again, and has all of them")
            self._in_trouble = False


def _why(error: Exception) -> str:
    if isinstance(error, redis.AuthenticationError):
        return f"{error} The password comes from the file given with --store-flags."
    return str(error) or type(error).__name__


class _Stream:
    """The run's stream in the store: a gapless part of the spool that is to reach its end."""

    def __init__(self, client: redis.Redis, key: str, spool: Spool) -> None:
        self._client = client
        self._key = key
        self._spool = spool
        self._held: range | None = None
        """The numbers of the spool's lines that the stream holds; None: the store must say."""

    def is_complete(self) -> bool:
        """Say whether the last `fill` came to its end."""
        return self._held is not None

    def fill(self) -> None:
        """Append what the stream lacks.

        Raises:
            redis.RedisError, StoreError, OSError, ValueError: the store, or the file, did not
                do as it should; the next call begins by asking what the store has.

        """
        self._spool.look()
        held, self._held = self._held, None
        if held is None:
            held = self._agreed()
        held = self._append(held)
        while held.stop < len(self._spool):
            held = self._append(held)
        self._held = held

    def _agreed(self) -> range:
        """Return what the stream holds; one that is no part of the spool begins anew.

        That it is one, its length and both its ends tell: lines come to it in order only.
        """
        first_needed = max(0, len(self._spool) - STREAM_LENGTH)
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.xlen(self._key)
            pipeline.xrange(self._key, count=1)
            pipeline.xrevrange(self._key, count=1)
            length, oldest, newest = pipeline.execute()
        first, last = self._place(oldest), self._place(newest)
        if first is not None and last is not None:
            held = range(first, last + 1)
            if len(held) == length and first <= first_needed:
                return held
        self._client.delete(self._key)  # an empty one too: it would remember its newest id
        return range(first_needed, first_needed)

    def _place(self, entries: list[Any]) -> int | None:
        """Return which of the spool's lines an entry holds; None if it differs from all."""
        for entry_id, fields in entries:
            number = self._spool.place(int(entry_id.split(b"-")[0]))
            if number is not None:
                [(_, line)] = self._spool.lines(number, number + 1)
                return number if fields == {_FIELD: line} else None
        return None

    def _append(self, held: range) -> range:
        """Send the next lines, if there are any; return what the stream then holds.

        In one transaction: of a batch that was half refused, a later part must not be taken.
        """
        end = min(held.stop + _BATCH, len(self._spool))
        with self._client.pipeline(transaction=True) as pipeline:
            for episode, line in self._spool.lines(held.stop, end):
                pipeline.xadd(
                    self._key,
                    {_FIELD: line},
                    id=f"{episode}-0",
                    maxlen=STREAM_LENGTH,
                    approximate=False,
                )
            pipeline.xlen(self._key)
            length = pipeline.execute()[-1]
        now = range(max(held.start, end - STREAM_LENGTH), end)
        if length != len(now):
            raise StoreError(f"its stream {self._key} was emptied or changed by somebody else")
        return now
