"""Find TCP ports on this machine."""

import socket


def find_free_port() -> int:
    """Return a port of 127.0.0.1 that is currently free."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
