"""Ways for the store to fail, each with the message of the trainer."""

from collections.abc import Callable
from contextlib import suppress

import pytest
import redis

from tests.support.valkey import Valkey


def _kill(valkey: Valkey):
    valkey.kill()
    return valkey.start


def _stop(valkey: Valkey):
    valkey.stop()
    return valkey.start


def _freeze(valkey: Valkey):
    frozen = valkey.freeze()
    frozen.__enter__()
    return lambda: frozen.__exit__(None, None, None)


def fill(valkey: Valkey):
    used = valkey.client.info("memory")["used_memory"]
    valkey.client.config_set("maxmemory", used)
    with suppress(redis.OutOfMemoryError):
        valkey.client.xadd("x", {"x": "x"})
        pytest.fail("it is not full")
    return lambda: valkey.client.config_set("maxmemory", 0)


def _require_password(valkey: Valkey):
    """Make the store require a password that the sender does not have."""
    valkey.client.config_set("requirepass", "secret")
    valkey.client.client_kill_filter(_type="normal", skipme=True)
    return lambda: valkey.client.config_set("requirepass", "")


def _make_read_only(valkey: Valkey):
    """Make the store read-only, like a replica or a server whose disk is full."""
    valkey.client.replicaof("127.0.0.1", "1")
    return lambda: valkey.client.replicaof("NO", "ONE")


TROUBLES: dict[Callable[[Valkey], Callable[[], object]], str] = {
    _kill: "No such file|refused|closed",
    _stop: "No such file|refused|closed",
    _freeze: "Timeout",
    fill: "used memory",
    _require_password: "Authentication required.*--store-flags",
    _make_read_only: "read.only",
}
