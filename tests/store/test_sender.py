"""A run's metrics on their way to a store to which everything happens that can."""

import json
import re
import socket
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import redis

from qca.store import sender as sender_module
from qca.store.client import connect
from qca.store.sender import MetricsSender
from tests.support.valkey import Valkey, forward_to, serve
from tests.support.waiting import wait_for

KEY = "qca:first:metrics"


class Metrics:
    """A run's `metrics.jsonl`, as a trainer writes it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "metrics.jsonl"

    def write(self, *episodes: int, note: str = "") -> None:
        with self.file.open("a") as file:
            for episode in episodes:
                record = {"event": "episode", "episode": episode, "note": note}
                file.write(json.dumps(record, separators=(",", ":")) + "\n")

    def lines(self) -> list[bytes]:
        return self.file.read_bytes().splitlines()


@pytest.fixture
def metrics(tmp_path: Path) -> Metrics:
    return Metrics(tmp_path)


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def send(metrics, warnings, monkeypatch):
    """Runs a sender for the file of metrics; faster than in earnest."""
    monkeypatch.setattr(sender_module, "_RETRY_SECONDS", 0.1)
    monkeypatch.setattr(sender_module, "_PACE_SECONDS", 0.01)

    @contextmanager
    def run(url: str):
        with MetricsSender(connect(url), "first", metrics.file, warn=warnings.append) as sender:
            sender.notify()
            yield sender

    return run


def test_every_episode_arrives_once_and_in_order(valkey, metrics, send, warnings):
    metrics.write(*range(1, 1201))  # more than one batch
    with send(valkey.url):
        pass
    assert valkey.lines() == metrics.lines()
    assert warnings == []


def test_sending_twice_changes_nothing(valkey, metrics, send):
    for episodes in ((1, 2, 3), (4, 5)):
        metrics.write(*episodes)
        with send(valkey.url):
            pass
    before = valkey.client.xinfo_stream(KEY)
    with send(valkey.url):
        pass
    assert valkey.client.xinfo_stream(KEY) == before
    assert before["entries-added"] == 5


def test_episodes_that_were_skipped_are_no_gap_to_be_filled(valkey, metrics, send):
    metrics.write(1, 2, 5)
    with send(valkey.url):
        pass
    metrics.write(6, 9)
    with send(valkey.url):
        pass
    assert valkey.lines() == metrics.lines()
    assert valkey.client.xinfo_stream(KEY)["entries-added"] == 5


def test_a_line_that_is_still_being_written_waits(valkey, metrics, send):
    metrics.write(1)
    with metrics.file.open("a") as file:
        file.write('{"episode":2,"lo')
    with send(valkey.url):
        pass
    assert valkey.lines() == metrics.lines()[:1]


def test_nothing_is_sent_by_a_training_that_was_refused(valkey, metrics, warnings):
    metrics.write(1, 2)
    with MetricsSender(connect(valkey.url), "first", metrics.file, warn=warnings.append):
        pass
    assert valkey.lines() == []
    assert warnings == []


# -- what the stream holds ------------------------------------------------------------------------


def _change_nothing(client: redis.Redis) -> None:
    pass


def _add_other_records(client: redis.Redis) -> None:
    """Those of an earlier training of the same name."""
    for episode in (1, 2, 3):
        client.xadd(KEY, {"record": b'{"event":"episode","episode":%d,}' % episode}, f"{episode}-0")


def _add_later_record(client: redis.Redis) -> None:
    client.xadd(KEY, {"record": b'{"event":"episode","episode":70,}'}, "70-0")


def _delete_middle(client: redis.Redis) -> None:
    client.xdel(KEY, "2-0")


def _delete_first(client: redis.Redis) -> None:
    client.xdel(KEY, "1-0")


def _delete_all(client: redis.Redis) -> None:
    client.xadd(KEY, {"record": b"{}"}, "9-0")
    client.xtrim(KEY, maxlen=0)


def _delete_stream(client: redis.Redis) -> None:
    client.flushall()


FOUND = [
    _change_nothing,
    _add_other_records,
    _add_later_record,
    _delete_middle,
    _delete_first,
    _delete_all,
]


@pytest.mark.parametrize("change", [*FOUND, _delete_stream], ids=lambda change: change.__name__)
def test_the_stream_becomes_what_the_file_is_whatever_is_found_in_it(valkey, metrics, send, change):
    metrics.write(1, 2, 3, 5)
    if change is not _add_other_records:
        with send(valkey.url):
            pass
    change(valkey.client)
    metrics.write(6)
    with send(valkey.url):
        pass
    assert valkey.lines() == metrics.lines()


@pytest.mark.parametrize(
    "change", [_delete_middle, _delete_stream], ids=lambda change: change.__name__
)
def test_what_is_lost_behind_the_senders_back_is_noticed_with_the_next_episode(
    valkey, metrics, send, change
):
    metrics.write(1, 2, 3)
    with send(valkey.url) as sender:
        wait_for(lambda: valkey.lines() == metrics.lines())
        change(valkey.client)
        metrics.write(4)
        sender.notify()
        wait_for(lambda: valkey.lines() == metrics.lines())


def test_what_a_resumed_training_has_made_again_replaces_what_was_sent(valkey, metrics, send):
    """Episode 2 was sent, then its trainer was killed before the checkpoint."""
    metrics.write(1, 2)
    with send(valkey.url):
        pass
    metrics.file.unlink()
    metrics.write(1)
    metrics.write(2, 3, note="made again")
    with send(valkey.url):
        pass
    assert valkey.lines() == metrics.lines()


@pytest.mark.parametrize("at_once", [True, False])
def test_the_stream_is_capped_to_its_newest(valkey, metrics, send, monkeypatch, at_once):
    monkeypatch.setattr(sender_module, "STREAM_LENGTH", 1000)
    monkeypatch.setattr(sender_module, "_BATCH", 300)
    for first in (1, 1201):
        metrics.write(*range(first, first + 1200))
        if not at_once:
            with send(valkey.url):
                pass
    with send(valkey.url):
        pass
    assert valkey.lines() == metrics.lines()[-1000:]
    added = valkey.client.xinfo_stream(KEY)["entries-added"]
    assert added == (1000 if at_once else 1000 + 1200)


# -- stores in trouble ----------------------------------------------------------------------------


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


def _fill(valkey: Valkey):
    used = valkey.client.info("memory")["used_memory"]
    valkey.client.config_set("maxmemory", used)
    with suppress(redis.OutOfMemoryError):
        valkey.client.xadd("x", {"x": "x"})
        pytest.fail("it is not full")
    return lambda: valkey.client.config_set("maxmemory", 0)


def _require_password(valkey: Valkey):
    """It wants a password that we do not have."""
    valkey.client.config_set("requirepass", "secret")
    valkey.client.client_kill_filter(_type="normal", skipme=True)
    return lambda: valkey.client.config_set("requirepass", "")


def _make_read_only(valkey: Valkey):
    """As a replica is, or a server whose own disk is full."""
    valkey.client.replicaof("127.0.0.1", "1")
    return lambda: valkey.client.replicaof("NO", "ONE")


TROUBLES: dict[Callable[[Valkey], Callable[[], object]], str] = {
    _kill: "No such file|refused|closed",
    _stop: "No such file|refused|closed",
    _freeze: "Timeout",
    _fill: "used memory",
    _require_password: "Authentication required.*--store-flags",
    _make_read_only: "read.only",
}


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_a_store_in_trouble_gets_everything_once_it_is_well(
    valkey, metrics, send, warnings, trouble
):
    metrics.write(1, 2, 3)
    with send(valkey.url) as sender:
        wait_for(lambda: valkey.lines() == metrics.lines())
        recover = trouble(valkey)
        metrics.write(4)
        sender.notify()
        wait_for(lambda: warnings)
        metrics.write(5, 6)
        sender.notify()
        recover()
        wait_for(lambda: len(warnings) > 1)
        assert valkey.lines() == metrics.lines()
    assert re.search(TROUBLES[trouble], warnings[0])
    assert "the training continues" in warnings[0]
    assert warnings[1:] == ["the store accepts metrics again and has all of them"]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_what_a_store_in_trouble_did_not_get_is_said_at_the_end(
    valkey, metrics, send, warnings, trouble
):
    recover = trouble(valkey)
    metrics.write(1)
    with send(valkey.url):
        wait_for(lambda: warnings)
    assert warnings[-1] == f"the store lacks some metrics; all of them are in {metrics.file}"
    recover()


def test_a_store_that_never_answers_does_not_hold_up_the_end_for_ever(
    valkey, metrics, send, monkeypatch
):
    """Were the sender waited for, this would last until the server goes on: never."""
    monkeypatch.setattr(sender_module, "TIMEOUT_SECONDS", 0.1)
    client = connect(valkey.url)
    client.connection_pool.connection_kwargs["socket_timeout"] = None
    monkeypatch.setattr("tests.store.test_sender.connect", lambda _: client)
    metrics.write(1)
    with valkey.freeze(), send(valkey.url):
        pass


def test_of_a_batch_that_a_full_store_refuses_no_later_part_is_taken(valkey, metrics, send):
    """Room is made when the store has refused the first lines and not seen the others."""
    _fill(valkey)

    def make_room() -> None:
        valkey.client.config_set("maxmemory", 0)
        valkey.client.config_resetstat()

    metrics.write(*range(1, 400))  # 20 kB
    with serve(forward_to(valkey.socket, after=(5_000, make_room))) as url, send(url):
        wait_for(lambda: valkey.lines() == metrics.lines())
    commands = valkey.client.info("commandstats")
    assert commands["cmdstat_xadd"]["calls"] == 399
    assert commands["cmdstat_xadd"]["rejected_calls"] == 0


def test_a_slow_store_gets_everything(valkey, metrics, send, warnings):
    metrics.write(1)
    with serve(forward_to(valkey.socket, delay=0.2)) as url, send(url) as sender:
        for episode in range(2, 40):
            metrics.write(episode)
            sender.notify()
        wait_for(lambda: valkey.lines() == metrics.lines())
    assert warnings == []


def _answer_http(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def _greet_as_ssh(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    connection.recv(4096)


def _answer_ok(connection: socket.socket) -> None:
    while connection.recv(4096):
        connection.sendall(b"+OK\r\n" * 10)


def _answer_nonsense(connection: socket.socket) -> None:
    while connection.recv(4096):
        connection.sendall(b":many\r\n" * 10)


def _hang_up(connection: socket.socket) -> None:
    pass


@pytest.mark.parametrize(
    "answer",
    [_answer_http, _greet_as_ssh, _answer_ok, _answer_nonsense, _hang_up],
    ids=lambda answer: answer.__name__,
)
def test_what_is_no_store_is_told_once_and_stops_nothing(metrics, send, warnings, answer):
    metrics.write(1, 2)
    with serve(answer) as url, send(url) as sender:
        for _ in range(3):
            sender.notify()
            time.sleep(0.15)
    [first, last] = warnings
    assert first.startswith("the store does not accept metrics (")
    assert "the store lacks some metrics" in last


def test_a_store_that_is_away_is_not_asked_at_every_episode(metrics, warnings, monkeypatch):
    """However short the episodes are: asking costs time that the training needs."""
    asked = []
    monkeypatch.setattr(sender_module._Stream, "fill", lambda self: asked.append(1) or 1 / 0)
    start = time.monotonic()
    with MetricsSender(
        connect("unix:///nowhere"), "first", metrics.file, warn=warnings.append
    ) as s:
        for _ in range(500):
            s.notify()
            time.sleep(0.001)
    elapsed = time.monotonic() - start
    assert len(asked) <= elapsed / sender_module._RETRY_SECONDS + 2


def test_a_healthy_store_is_not_written_to_at_every_episode_either(valkey, metrics, warnings):
    start = time.monotonic()
    with MetricsSender(connect(valkey.url), "first", metrics.file, warn=warnings.append) as sender:
        for episode in range(1, 301):
            metrics.write(episode)
            sender.notify()
            time.sleep(0.001)
    elapsed = time.monotonic() - start
    assert valkey.lines() == metrics.lines()
    sent = valkey.client.info("commandstats")["cmdstat_exec"]["calls"]
    assert sent <= elapsed / sender_module._PACE_SECONDS + 3  # the question, the first, the last
