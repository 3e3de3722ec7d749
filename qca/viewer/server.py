"""Serve the page and its socket on 127.0.0.1, only to clients that know the address."""

import asyncio
import errno
import http
import logging
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from qca.core.errors import LaunchError, QcaError
from qca.viewer.connection import Connection
from qca.viewer.simulation import Simulation

HOST = "127.0.0.1"
_MOST_PAGES = 4  # open at once; each page runs a separate automaton
_LARGEST_MESSAGE = 4096  # bytes
_LONGEST_REASON = 120  # a close frame holds 123 bytes (RFC 6455, section 5.5)


@dataclass(frozen=True)
class Address:
    """The address of the page. Its secret token excludes other pages and other users."""

    port: int
    token: str

    @property
    def origin(self) -> str:
        """The page's origin, as a browser sends it."""
        return f"http://{HOST}:{self.port}"

    @property
    def page(self) -> str:
        """The page's address."""
        return f"{self.origin}/{self.token}/"


def bind(port: int) -> socket.socket:
    """Return a socket that listens on a port of 127.0.0.1; port 0 means any free port.

    Raises:
        LaunchError: the port is in use or cannot be bound.

    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
        bound.listen()  # a browser may connect before the server runs
    except OSError as error:
        bound.close()
        in_use = error.errno == errno.EADDRINUSE
        raise LaunchError(
            f"port {port} of {HOST} " + ("is in use" if in_use else f"cannot be bound: {error}"),
            hint="Choose another --port, or omit it to use any free one.",
        ) from None
    return bound


def make_address(bound: socket.socket) -> Address:
    """Return the address of a bound socket, with a new token."""
    return Address(bound.getsockname()[1], secrets.token_urlsafe(16))


async def serve_pages(
    bound: socket.socket,
    address: Address,
    page: str,
    make_simulation: Callable[[], Simulation],
) -> None:
    """Serve the page, and run an automaton for each open one, until cancelled."""
    open_pages = asyncio.Semaphore(_MOST_PAGES)

    def answer(_: ServerConnection, request: Request) -> Response | None:
        """Return the answer to a request; None accepts the handshake of the page's own socket."""
        return answer_request(request, address, page)

    async def handle(connection: ServerConnection) -> None:
        if open_pages.locked():
            await connection.close(1013, f"{_MOST_PAGES} pages are open already")
            return
        async with open_pages:
            try:
                simulation = await asyncio.to_thread(make_simulation)
                await Connection(connection, simulation).run()
            except (QcaError, RuntimeError, MemoryError) as error:  # torch raises RuntimeError
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                await connection.close(1011, reason[:_LONGEST_REASON])

    async with serve(
        handle,
        sock=bound,
        process_request=answer,
        max_size=_LARGEST_MESSAGE,
        compression=None,
        logger=_make_silent_logger(),
    ) as server:
        await server.serve_forever()


def answer_request(request: Request, address: Address, page: str) -> Response | None:
    """Return the page or a refusal; None accepts the handshake of the page's socket.

    A page of another origin, or a host name that points here (DNS rebinding), sends a different
    Origin or Host. A path without the token does not come from the page's user.
    """
    if request.headers.get("Host") != f"{HOST}:{address.port}":
        return _respond(http.HTTPStatus.MISDIRECTED_REQUEST, "Wrong host name.\n")
    # `compare_digest` accepts only bytes and ASCII strings.
    path = request.path.encode(errors="surrogateescape")
    if secrets.compare_digest(path, f"/{address.token}/".encode()):
        return _respond(http.HTTPStatus.OK, page, "text/html; charset=utf-8")
    if not secrets.compare_digest(path, f"/{address.token}/socket".encode()):
        return _respond(http.HTTPStatus.NOT_FOUND, "Not found.\n")
    if request.headers.get("Origin") != address.origin:
        return _respond(http.HTTPStatus.FORBIDDEN, "Only this server's page may connect.\n")
    return None


def _make_silent_logger() -> logging.Logger:
    """Return a logger that drops all records.

    Browsers open connections that they never use, and each would be logged with a traceback.
    """
    logger = logging.getLogger("qca.viewer")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger


def _respond(
    status: http.HTTPStatus, text: str, kind: str = "text/plain; charset=utf-8"
) -> Response:
    body = text.encode()
    headers = Headers(
        {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Connection": "close",
        }
    )
    return Response(status.value, status.phrase, headers, body)
