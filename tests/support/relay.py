"""Relay a port of this machine to a Unix socket, like an engine on another machine."""

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def relay_to(path: str, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Forward every connection to the socket at `path`, without its TLS, if any; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server, path, tls), daemon=True).start()
        yield server.getsockname()[1]


def relay_stdio(path: str) -> None:
    """Forward this process's stdin to the socket at `path`, and the answers to its stdout."""
    with socket.socket(socket.AF_UNIX) as upstream:
        upstream.connect(path)
        threading.Thread(target=_send_stdin, args=(upstream,), daemon=True).start()
        while data := upstream.recv(65536):
            os.write(1, data)


def _send_stdin(target: socket.socket) -> None:
    with suppress(OSError):
        while data := os.read(0, 65536):
            target.sendall(data)


def _accept(server: socket.socket, path: str, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        while True:
            client, _ = server.accept()
            threading.Thread(target=_connect, args=(client, path, tls), daemon=True).start()


def _connect(client: socket.socket, path: str, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        downstream = tls.wrap_socket(client, server_side=True) if tls else client
        upstream = socket.socket(socket.AF_UNIX)
        upstream.connect(path)
        threading.Thread(target=_copy, args=(downstream, upstream), daemon=True).start()
        _copy(upstream, downstream)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)
