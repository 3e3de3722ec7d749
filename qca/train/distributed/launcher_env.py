"""What a process knows of the launcher that has started it. Needs no torch."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_LOOK_EVERY = 0.5  # seconds


@dataclass(frozen=True)
class Processes:
    """How many processes train together, and where they meet.

    Args:
        here: processes of this machine, one for each GPU.
        nnodes: machines that take part, each with as many.
        rdzv_endpoint: HOST:PORT of the machine where they meet; None on one machine.
        name: the same on all machines, and of no other training there.

    """

    here: int
    nnodes: int
    rdzv_endpoint: str | None
    name: str


def is_launched() -> bool:
    """Say whether a launcher has started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def leads() -> bool:
    """Say whether this process is the first of all, which alone writes and reports."""
    return os.environ.get("RANK", "0") == "0"


def is_restarted() -> bool:
    """Say whether the launcher starts the processes anew after one was lost."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def block_sigterm() -> None:
    """Let the processes that this thread starts begin with SIGTERM blocked.

    It waits until they have a handler for it: the default one would end them with a code that
    makes the launcher start them anew.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


@contextmanager
def ending_in_order() -> Iterator[None]:
    """In a process that a launcher has started: never end of SIGTERM itself.

    Whoever unblocks it handles it; once that is over, this process is ending as it was told.
    """
    # Not SIG_IGN, which would forget one that waits.
    signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        yield
    finally:
        # Python's own shutdown would give a handler up for the default.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def follow_parent(stop: threading.Event) -> None:
    """Set `stop` once the launcher that started this process is gone."""

    def watch(parent: int) -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_EVERY)
        stop.set()

    threading.Thread(target=watch, args=(os.getppid(),), name="parent", daemon=True).start()
