"""The Redis-protocol store: where it is, its password, and the key of a run's metrics."""

from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from qca.core.errors import InputError
from qca.core.plain_files import read_plain
from qca.core.units import MIB

# A store on the same machine answers within a millisecond.
TIMEOUT_SECONDS = 2.0


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
            protocol=2,  # all stores speak it, and refuse in it in plain words
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
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
        lines = read_plain(flags_file, limit=MIB).decode(errors="replace").splitlines()
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


def format_stream_key(run: str) -> str:
    """Return the key of a run's metrics stream."""
    return f"qca:{run}:metrics"
