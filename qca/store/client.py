"""The Redis-protocol store: where it is, and how a run's metrics reach it.

The store is a copy; the truth is the run's `metrics.jsonl`, an append-only file. Each
episode goes into a stream under an id made of its number, so that sending it twice changes
nothing, and a store that comes back empty is filled again.
"""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from qca.errors import InputError

# Nobody scrolls through more; at about 300 bytes an episode this is 30 MB.
STREAM_LENGTH = 100_000

# A store on the same machine answers within a millisecond.
_TIMEOUT_SECONDS = 2.0
_RETRY_SECONDS = 1.0

# One round trip carries this many episodes when a store has to catch up.
_BATCH = 500


def connect(url: str, flags_file: Path | None = None) -> redis.Redis:
    """Return a client for `url`; the password comes from Dragonfly's flag file, if given.

    Does not connect yet. Every operation ends within seconds, whatever the store does.

    Raises:
        InputError: the URL or the flag file cannot be used.

    """
    password = None if flags_file is None else read_password(flags_file)
    try:
        return redis.Redis.from_url(
            url,
            password=password,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        raise InputError(
            f"--store: {error}",
            hint="For example redis://127.0.0.1:6379 or unix:///run/store.sock.",
        ) from None


def read_password(flags_file: Path) -> str:
    """Return the password of Dragonfly's flag file, the line `--requirepass=...`."""
    try:
        lines = flags_file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(
            f"{flags_file}: {error.strerror}",
            hint="The file must be readable for the user that the trainer runs as.",
        ) from None
    for line in lines:
        if line.startswith("--requirepass="):
            return line.removeprefix("--requirepass=").strip()
    raise InputError(
        f"{flags_file}: no line `--requirepass=...`",
        hint="It is the file that Dragonfly reads with --flagfile.",
    )


def stream_key(run: str) -> str:
    """Return the key of a run's metrics stream."""
    return f"qca:{run}:metrics"


class MetricsSender:
    """Sends a run's metrics to the store in the background; training never waits for it.

    The file is not looked at before the first `notify`: a training that is continued may
    begin by replacing it.

    ::

        with MetricsSender(client, "first", metrics_file, warn=say) as sender:
            ...                # after each episode:
            sender.notify()
    """

    def __init__(
        self, client: redis.Redis, run: str, metrics_file: Path, *, warn: Callable[[str], None]
    ) -> None:
        self._client = client
        self._key = stream_key(run)
        self._file = metrics_file
        self._warn = warn
        self._warned = False
        self._last_sent: int | None = None  # None: ask the store what it has
        self._offset = 0
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics-sender", daemon=True)

    def __enter__(self) -> "MetricsSender":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Give what is unsent one last, short chance; it is on disk in any case."""
        self._ending.set()
        self._wake.set()
        self._thread.join(2 * _TIMEOUT_SECONDS)
        if not self._all_sent():
            self._warn(f"the store did not get every metric; all of them are in {self._file}")
        self._client.close()

    def notify(self) -> None:
        """Say that the file has grown."""
        self._wake.set()

    def _run(self) -> None:
        reached = True
        while True:
            # After a fault look again soon, otherwise when there is something to send.
            self._wake.wait(None if reached else _RETRY_SECONDS)
            self._wake.clear()
            ending = self._ending.is_set()
            reached = self._send_pending()
            if ending:
                return

    def _send_pending(self) -> bool:
        try:
            if self._last_sent is None:
                self._last_sent = self._newest_in_store()
                self._offset = 0
            while records := self._read(_BATCH):
                self._send(records)
        except redis.RedisError as error:
            self._last_sent = None
            if not self._warned:
                self._warned = True
                self._warn(f"the store cannot be reached ({error}); training goes on without it")
            return False
        return True

    def _newest_in_store(self) -> int:
        newest: Any = self._client.xrevrange(self._key, count=1)
        return int(newest[0][0].split(b"-")[0]) if newest else 0

    def _read(self, count: int) -> list[dict[str, Any]]:
        """Return the next whole lines of the file; the last one may still be being written."""
        records = []
        if not self._file.exists():
            return records
        with self._file.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n") or len(records) == count:
                    break
                self._offset += len(line)
                records.append(json.loads(line))
        return records

    def _send(self, records: list[dict[str, Any]]) -> None:
        assert self._last_sent is not None
        pipeline = self._client.pipeline(transaction=False)
        for record in records:
            if record["episode"] > self._last_sent:
                pipeline.xadd(
                    self._key,
                    {"record": json.dumps(record)},
                    id=f"{record['episode']}-0",
                    maxlen=STREAM_LENGTH,
                )
        pipeline.execute()
        self._last_sent = max(self._last_sent, records[-1]["episode"])

    def _all_sent(self) -> bool:
        return (
            not self._thread.is_alive()
            and self._last_sent is not None
            and (not self._file.exists() or self._offset == self._file.stat().st_size)
        )
