"""What a process knows of the launcher that has started it. Needs no torch."""

import os
import threading
import time

_POLL_SECONDS = 0.5


def is_launched() -> bool:
    """Whether a launcher has started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def is_leader() -> bool:
    """Whether this process is the first of all, which alone writes and reports."""
    return os.environ.get("RANK", "0") == "0"


def is_restarted() -> bool:
    """Whether the launcher has restarted the processes after one was lost."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def set_when_launcher_exits(stop: threading.Event) -> None:
    """Set `stop` once the launcher that started this process is gone."""

    def watch(parent: int) -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_SECONDS)
        stop.set()

    threading.Thread(target=watch, args=(os.getppid(),), name="parent", daemon=True).start()
