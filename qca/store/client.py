"""Connect to the store, which speaks Redis' protocol, and name the key of a run's metrics."""

# redis-py's annotations are incomplete.
# pyright: reportUnknownMemberType=false
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.retry import Retry

from qca.core.errors import InputError
from qca.core.plain_files import read_plain
from qca.core.units import MIB

# A store on the same machine answers within a millisecond.
TIMEOUT_SECONDS = 2.0


def connect(url: str, flags_file: Path | None = None) -> redis.Redis:
    """Return a client for `url`, with the password from Dragonfly's flag file if one is given.

    Does not connect yet. Every operation ends within seconds, even if the store does not answer.

    Raises:
        InputError: the URL is invalid, or the flag file cannot be read or has no password.

    """
    password = None if flags_file is None else read_password(flags_file)
    try:
        return redis.Redis.from_url(
            url,
            password=password,
            protocol=2,  # every store supports it, and its errors are plain text
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        raise InputError(
            f"--store: {error}",
            hint="Give, for example, redis://127.0.0.1:6379 or unix:///run/store.sock.",
        ) from None


def begin_transaction(client: redis.Redis) -> Pipeline:
    """Return a pipeline whose commands run as one transaction."""
    return client.pipeline(transaction=True)


def read_password(flags_file: Path) -> str:
    """Return the password in Dragonfly's flag file, from the line `--requirepass=...`.

    Raises:
        InputError: the file cannot be read, or has no such line.

    """
    try:
        lines = read_plain(flags_file, limit=MIB).decode(errors="replace").splitlines()
    except OSError as error:
        raise InputError(
            f"{flags_file}: {error.strerror}",
            hint="The trainer's user must be able to read the file.",
        ) from None
    for line in lines:
        if line.startswith("--requirepass="):
            return line.removeprefix("--requirepass=").strip()
    raise InputError(
        f"{flags_file}: no line `--requirepass=...`",
        hint="Give the file that Dragonfly reads with --flagfile.",
    )


def format_stream_key(run: str) -> str:
    """Return the key of a run's metrics stream."""
    return f"qca:{run}:metrics"
