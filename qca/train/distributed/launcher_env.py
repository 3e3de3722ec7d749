"""Read the environment variables that the launcher sets for a process. Works without torch."""

import os
import threading
import time

_POLL_SECONDS = 0.5


def is_launched() -> bool:
    """Return whether a launcher started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def count_processes() -> int:
    """Return how many processes train together, on all machines; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_leader() -> bool:
    """Return whether this process has rank 0, the only one that writes and reports."""
    return os.environ.get("RANK", "0") == "0"


def is_restarted() -> bool:
    """Return whether the launcher has restarted the processes after one was lost."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def set_when_launcher_exits(stop: threading.Event) -> None:
    """Set `stop` when the launcher that started this process has exited."""

    def watch(parent: int) -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_SECONDS)
        stop.set()

    threading.Thread(target=watch, args=(os.getppid(),), name="parent", daemon=True).start()
