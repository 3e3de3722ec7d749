"""The listening ports and their processes."""

import os
import socket
import sys

import psutil
import pytest

from infra.host.errors import ProbeError
from infra.host.probes import listeners


def test_a_port_in_use_is_listed_with_its_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        mine = [one for one in listeners.probe() if one.port == port]
    assert [(one.address, one.pid) for one in mine] == [("127.0.0.1", os.getpid())]
    assert mine[0].process == psutil.Process().name()


def test_a_connection_is_not_a_listener() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        port = client.getsockname()[1]
        assert port not in [one.port for one in listeners.probe()]


def test_a_list_that_only_root_can_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(kind: str) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refuse)
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(ProbeError, match="only root sees them on macOS"):
        listeners.probe()
