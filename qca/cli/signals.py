"""What Ctrl-C and SIGTERM do to a program that has something to put away."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from qca.core.atomic_files import drop_unfinished

# What shells expect of a program that Ctrl-C ended: 128 + SIGINT.
EXIT_INTERRUPTED = 128 + signal.SIGINT

_STOPPING = b"\nStopping after this step, with a checkpoint; Ctrl-C again stops at once.\n"

# Ends what a progress bar does to the terminal: DECTCEM, "show cursor".
_SHOW_CURSOR = b"\x1b[?25h"


class Terminated(BaseException):
    """SIGTERM: put everything away and end with 0, as a service should.

    Not an Exception, like KeyboardInterrupt, so that nothing on the way takes it for a fault.
    """


@contextmanager
def terminated_by_sigterm() -> Iterator[None]:
    """Raise Terminated in the main thread when SIGTERM comes."""

    def terminate(_: int, __: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep Ctrl-C and SIGTERM away while things are put away."""
    before = {
        number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def stopping(stop: threading.Event) -> Iterator[threading.Event]:
    """Set `stop` on SIGINT and SIGTERM; yield an event that tells whether it was SIGINT.

    A second SIGINT ends the process there and then. It raises nothing: a KeyboardInterrupt may
    come up in a destructor, a thread's join or a callback of C code, which print or swallow it.
    And it does not wait for the main thread, which may be in one call of C code for minutes:
    Python tells of each signal through a pipe, and a thread of its own listens there.
    """
    interrupted = threading.Event()
    told, tell = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(tell, False)  # a signal handler must not wait
    listener = threading.Thread(
        target=_listen, args=(told, stop, interrupted), name="signals", daemon=True
    )
    listener.start()
    fd_before = signal.set_wakeup_fd(tell)
    # Only to take the place of what would otherwise raise, or end the process.
    before = {number: signal.signal(number, _heard) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.pthread_sigmask(signal.SIG_UNBLOCK, before)  # see qca.train.distributed.launcher_env
    try:
        yield interrupted
    finally:
        # Once interrupted, the process is ending and a second Ctrl-C is still heard.
        if not interrupted.is_set():
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(fd_before)
            os.close(tell)  # ends the listener
            listener.join()


def _heard(_: int, __: FrameType | None) -> None:
    pass


def _listen(told: int, stop: threading.Event, interrupted: threading.Event) -> None:
    with open(told, "rb", buffering=0) as signals:
        while number := signals.read(1):
            if number[0] == signal.SIGINT and interrupted.is_set():
                end_interrupted()
            if number[0] == signal.SIGINT:
                interrupted.set()
                # Not through Python's streams, which may be in the middle of a write.
                os.write(2, _STOPPING)
            stop.set()


def end_interrupted(*_: object) -> NoReturn:
    """End this process now with 130, unwinding nothing; no file is left half-written."""
    drop_unfinished()
    if os.isatty(2):
        with suppress(OSError):
            os.write(2, _SHOW_CURSOR)
    os._exit(EXIT_INTERRUPTED)
