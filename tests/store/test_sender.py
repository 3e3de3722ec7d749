"""The sender delivers a run's metrics, whatever happens to the store."""

import json
import re
import socket
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from qca.store import sender as sender_module
from qca.store.client import connect
from qca.store.sender import MetricsSender
from tests.support.store_troubles import TROUBLES, fill
from tests.support.valkey import forward_to, serve
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
    """Run a sender for the metrics file, with shorter pauses than in use."""
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


def test_skipped_episodes_are_not_a_gap(valkey, metrics, send):
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


def test_a_refused_run_sends_nothing(valkey, metrics, warnings):
    metrics.write(1, 2)
    with MetricsSender(connect(valkey.url), "first", metrics.file, warn=warnings.append):
        pass
    assert valkey.lines() == []
    assert warnings == []


# -- the content of the stream---------------------------------------------------------------------


def _change_nothing(client: redis.Redis) -> None:
    pass


def _add_other_records(client: redis.Redis) -> None:
    """Add the entries of an earlier run with the same name."""
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
def test_any_other_stream_is_replaced_by_the_file(valkey, metrics, send, change):
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
def test_a_loss_in_the_store_is_noticed_with_the_next_episode(valkey, metrics, send, change):
    metrics.write(1, 2, 3)
    with send(valkey.url) as sender:
        wait_for(lambda: valkey.lines() == metrics.lines())
        change(valkey.client)
        metrics.write(4)
        sender.notify()
        wait_for(lambda: valkey.lines() == metrics.lines())


def test_repeated_episodes_replace_those_already_sent(valkey, metrics, send):
    """Episode 2 was sent before its trainer was killed, and is not in the checkpoint."""
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
def test_the_stream_keeps_only_the_newest_episodes(valkey, metrics, send, monkeypatch, at_once):
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


# -- failing stores -------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_a_failing_store_gets_everything_once_it_recovers(valkey, metrics, send, warnings, trouble):
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
    assert "training continues" in warnings[0]
    assert warnings[1:] == ["the store accepts metrics again and has all of them"]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_metrics_that_a_failing_store_lacks_are_reported_at_the_end(
    valkey, metrics, send, warnings, trouble
):
    recover = trouble(valkey)
    metrics.write(1)
    with send(valkey.url):
        wait_for(lambda: warnings)
    assert warnings[-1] == f"the store lacks some metrics; all of them are in {metrics.file}"
    recover()


def test_a_store_that_never_answers_does_not_block_the_end(valkey, metrics, send, monkeypatch):
    """If the end waited for the sender, this test would never finish."""
    monkeypatch.setattr(sender_module, "TIMEOUT_SECONDS", 0.1)
    client = connect(valkey.url)
    client.connection_pool.connection_kwargs["socket_timeout"] = None
    monkeypatch.setattr("tests.store.test_sender.connect", lambda _: client)
    metrics.write(1)
    with valkey.freeze(), send(valkey.url):
        pass


def test_a_full_store_accepts_no_later_part_of_a_refused_batch(valkey, metrics, send):
    """Free memory after the store has refused the first lines and before it gets the others."""
    fill(valkey)

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
def test_another_service_is_reported_once_and_stops_nothing(metrics, send, warnings, answer):
    metrics.write(1, 2)
    with serve(answer) as url, send(url) as sender:
        for _ in range(3):
            sender.notify()
            time.sleep(0.15)
    [first, last] = warnings
    assert first.startswith("the store does not accept metrics (")
    assert "the store lacks some metrics" in last


def test_an_unreachable_store_is_not_queried_at_every_episode(metrics, warnings, monkeypatch):
    """A query takes time from training, so short episodes must not cause more of them."""
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
    assert (
        sent <= elapsed / sender_module._PACE_SECONDS + 3
    )  # the query, the first batch, the last batch
