"""List the TCP ports on which a process listens."""

import sys

from infra.host.errors import ProbeError
from infra.host.facts import Listener


def probe() -> tuple[Listener, ...]:
    """Return the listening ports, with the process if the system reports it."""
    import psutil

    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        reason = "only root sees them on macOS" if sys.platform == "darwin" else "permission denied"
        raise ProbeError(f"the list of listening TCP ports could not be read: {reason}") from None
    endpoints = {
        (connection.laddr.ip, connection.laddr.port, connection.pid)
        for connection in connections
        if connection.status == psutil.CONN_LISTEN and connection.laddr
    }
    listeners = [
        Listener(address=address, port=port, pid=pid, process=_read_process_name(pid))
        for address, port, pid in endpoints
    ]
    return tuple(sorted(listeners, key=lambda listener: (listener.port, listener.address)))


def _read_process_name(pid: int | None) -> str | None:
    import psutil

    try:
        return psutil.Process(pid).name() if pid else None
    except psutil.Error:  # the process has exited in the meantime
        return None
