"""Query the Docker Engine's API, with limits on time and size.

It uses HTTP/1.0 on a plain socket, so the answer ends with the connection. A client library would
not limit the size, and importing it takes longer than the query.
"""

import json
import socket
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from infra.host.deadline import Deadline
from infra.host.files import MAX_BYTES
from infra.host.probes.docker.endpoint import Endpoint, Tls
from qca.core.json_object import is_array, is_object


class RefusedError(Exception):
    """The daemon refused the request; the error has the status and the daemon's message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def connect(endpoint: Endpoint, deadline: Deadline) -> socket.socket:
    """Connect to the engine's socket or port.

    Raises:
        OSError: the connection fails; its errno distinguishes the reasons.

    """
    if endpoint.scheme != "unix":
        return socket.create_connection(endpoint.address, timeout=deadline.seconds_left())
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(deadline.seconds_left())
        connection.connect(endpoint.socket)
    except BaseException:
        connection.close()
        raise
    return connection


def get(
    connection: socket.socket, endpoint: Endpoint, path: str, deadline: Deadline
) -> dict[str, Any]:
    """Return the JSON object at `path`, and close the connection, which must be new.

    Raises:
        RefusedError: the daemon answers with an error.
        OSError: the connection breaks; TimeoutError if the answer takes too long.
        ValueError: the answer is not from a Docker Engine.

    """
    document = _fetch(connection, endpoint, path, deadline)
    if not is_object(document):
        raise ValueError("not a JSON object")
    return document


def get_list(
    connection: socket.socket, endpoint: Endpoint, path: str, deadline: Deadline
) -> list[Any]:
    """Return the JSON array at `path`, and close the connection, which must be new.

    Raises:
        The same as `get`.

    """
    document = _fetch(connection, endpoint, path, deadline)
    if not is_array(document):
        raise ValueError("not a JSON array")
    return document


def _fetch(connection: socket.socket, endpoint: Endpoint, path: str, deadline: Deadline) -> Any:
    with closing(connection):
        stream = _wrap_in_tls(connection, endpoint) if endpoint.tls else connection
        with closing(stream):
            prefix = "" if endpoint.scheme == "unix" else urlsplit(endpoint.host).path.rstrip("/")
            head = (
                f"GET {prefix}{path} HTTP/1.0\r\nHost: docker\r\nAccept: application/json\r\n\r\n"
            )
            stream.settimeout(deadline.seconds_left())
            stream.sendall(head.encode())
            return _parse_response(_read(stream, deadline))


def _read(stream: socket.socket, deadline: Deadline) -> bytes:
    """Read to the end; a server that sends slowly cannot extend the deadline."""
    answer = bytearray()
    while len(answer) <= MAX_BYTES:
        stream.settimeout(deadline.seconds_left())
        part = stream.recv(2**16)
        if not part:
            return bytes(answer)
        answer += part
    raise ValueError("the answer is too long")


def _parse_response(answer: bytes) -> Any:
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    if not words[0].startswith(b"HTTP/") or len(words) < 2 or not words[1].isdigit():
        raise ValueError("not an HTTP response")
    status = int(words[1][:3])
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if status != 200:
        message = document.get("message") if is_object(document) else None
        raise RefusedError(status, f"{message}" if message else f"HTTP status {status}")
    return document


def _wrap_in_tls(connection: socket.socket, endpoint: Endpoint) -> socket.socket:
    import ssl

    assert endpoint.tls is not None
    context = ssl.create_default_context(cafile=_find_certificate(endpoint.tls, "ca.pem"))
    if not endpoint.tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate = _find_certificate(endpoint.tls, "cert.pem")
    if certificate:
        context.load_cert_chain(certificate, _find_certificate(endpoint.tls, "key.pem"))
    return context.wrap_socket(connection, server_hostname=endpoint.address[0])


def _find_certificate(tls: Tls, name: str) -> str | None:
    path: Path = tls.folder / name
    return str(path) if path.exists() else None
