"""The server admits only its own page, and applies its commands."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request
from websockets.sync.client import ClientConnection, connect

from qca.core.errors import LaunchError, PlanError
from qca.viewer.server import HOST, Address, answer_request, bind
from qca.viewer.simulation import Simulation
from tests.support.viewer import serve


@pytest.fixture(scope="module")
def simulations() -> list[Simulation]:
    """Return the simulations of all pages that were opened."""
    return []


@pytest.fixture(scope="module")
def address(automaton, simulations) -> Iterator[Address]:
    with serve(automaton, simulations) as address:
        yield address


def get(address: Address, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(HOST, address.port, timeout=20)
    connection.request("GET", path, headers=headers)
    return connection.getresponse()


def open_socket(address: Address, **changes: str) -> ClientConnection:
    url = f"ws://{HOST}:{address.port}/{changes.get('token', address.token)}/socket"
    return connect(url, origin=changes.get("origin", address.origin), open_timeout=20)  # type: ignore[arg-type]


def read_step(page: ClientConnection) -> int:
    data = page.recv(20)
    assert isinstance(data, bytes), data
    return int.from_bytes(data[:4], "little")


def test_the_page_needs_the_token(address):
    answer = get(address, f"/{address.token}/")
    text = answer.read().decode()
    assert answer.status == 200
    assert text.startswith("<!DOCTYPE html>")
    assert f"connect-src ws://127.0.0.1:{address.port}/{address.token}/socket" in text
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/socket", "/favicon.ico", "/AAAA/", "/../etc/passwd"])
def test_a_request_without_the_token_is_not_found(address, path):
    assert get(address, path).status == 404


@pytest.mark.parametrize("path", ["/\u00e9", "/\udce9"], ids=["text", "bytes that are none"])
def test_a_path_that_is_not_ascii_is_not_found(path):
    address = Address(8000, "token")
    answer = answer_request(Request(path, Headers(Host=f"{HOST}:8000")), address, "page")
    assert answer is not None
    assert answer.status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "localhost", "127.0.0.1:1"])
def test_another_name_for_this_machine_is_refused(address, host):
    assert get(address, f"/{address.token}/", Host=host).status == 421


def test_it_listens_only_on_this_machine(address):
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", address.port), 2):  # noqa: PT011
        pass


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"origin": "http://evil.example"}, 403), ({"token": "A" * 22}, 404)],
)
def test_only_this_servers_page_may_use_the_socket(address, changes, status):
    with pytest.raises(InvalidStatus) as error:
        open_socket(address, **changes)
    assert error.value.response.status_code == status


def test_it_steps_on_request_and_while_it_plays(address):
    with open_socket(address) as page:
        assert read_step(page) == 0
        page.send(json.dumps({"kind": "step"}))
        assert read_step(page) == 1
        page.send(json.dumps({"kind": "speed", "steps": 5}))
        for _ in range(2):
            page.send(json.dumps({"kind": "shown"}))
        page.send(json.dumps({"kind": "play"}))
        assert [read_step(page) for _ in range(2)] == [6, 11]


def test_it_waits_for_a_page_that_does_not_show_its_frames(address, simulations):
    with open_socket(address) as page:
        page.send(json.dumps({"kind": "play"}))
        assert [read_step(page) for _ in range(2)] == [0, 1]
        with pytest.raises(TimeoutError):
            page.recv(0.5)
        for expected in (2, 3):
            page.send(json.dumps({"kind": "shown"}))
            assert read_step(page) == expected


def test_a_slow_step_does_not_delay_commands(address, simulations, monkeypatch):
    with open_socket(address) as page:
        read_step(page)
        advance = simulations[-1].advance
        monkeypatch.setattr(simulations[-1], "advance", lambda n: (time.sleep(0.1), advance(n)))
        page.send(json.dumps({"kind": "shown"}))
        page.send(json.dumps({"kind": "play"}))
        for expected in range(1, 6):
            page.send(json.dumps({"kind": "speed", "steps": 1}))
            assert read_step(page) == expected
            page.send(json.dumps({"kind": "shown"}))


def test_closing_the_page_ends_the_stepping(address, simulations):
    with open_socket(address) as page:
        page.send(json.dumps({"kind": "play"}))
        for _ in range(5):
            read_step(page)
            page.send(json.dumps({"kind": "shown"}))
    time.sleep(0.3)  # a step that was already running
    step = simulations[-1].draw().step
    time.sleep(0.3)
    assert simulations[-1].draw().step == step > 0


def test_an_invalid_message_is_answered_and_ignored(address):
    with open_socket(address) as page:
        read_step(page)
        for message in ("nonsense", json.dumps({"kind": "field", "name": "flux"})):
            page.send(message)
            assert "problem" in json.loads(page.recv(20))
        page.send(json.dumps({"kind": "step"}))
        assert read_step(page) == 1


def test_a_step_that_fails_ends_the_page_with_the_reason(address, simulations, monkeypatch):
    def refuse(*_: object) -> None:
        raise RuntimeError("CUDA out of memory.\nTried to allocate 2 GiB")

    with open_socket(address) as page:
        read_step(page)
        monkeypatch.setattr(simulations[-1], "advance", refuse)
        page.send(json.dumps({"kind": "step"}))
        with pytest.raises(ConnectionClosed, match="CUDA out of memory"):
            page.recv(20)


def test_a_reset_that_does_not_fit_the_memory_is_reported(address, simulations, monkeypatch):
    def refuse(*_: object) -> None:
        raise PlanError("8x8 cells need 2 GiB of memory on the cpu; 1 GiB is free")

    with open_socket(address) as page:
        read_step(page)
        monkeypatch.setattr(simulations[-1], "reset", refuse)
        page.send(json.dumps({"kind": "reset", "seed": 1, "start": "random"}))
        assert "8x8 cells need 2 GiB" in json.loads(page.recv(20))["problem"]
        page.send(json.dumps({"kind": "step"}))
        assert read_step(page) == 1


def test_a_page_that_does_not_fit_the_memory_is_closed_with_the_reason(automaton, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise PlanError("8x8 cells need 2 GiB of memory on the cpu; 1 GiB is free")

    monkeypatch.setattr(automaton, "make_start", refuse)
    with (
        serve(automaton, []) as address,
        open_socket(address) as page,
        pytest.raises(ConnectionClosed, match="8x8 cells need 2 GiB"),
    ):
        page.recv(20)


def test_an_unused_connection_logs_no_traceback(address, capfd):
    with socket.create_connection((HOST, address.port), 5):
        pass
    with open_socket(address) as page:
        read_step(page)
    assert capfd.readouterr().err == ""


def test_too_many_pages_are_refused(address):
    with ExitStack() as pages:
        for _ in range(4):
            read_step(pages.enter_context(open_socket(address)))
        fifth = pages.enter_context(open_socket(address))
        with pytest.raises(ConnectionClosed, match="4 pages are open"):
            fifth.recv(20)


def test_a_port_in_use_is_reported():
    with bind(0) as first:
        port = first.getsockname()[1]
        with pytest.raises(LaunchError, match=f"port {port} of 127.0.0.1 is in use"):
            bind(port)
