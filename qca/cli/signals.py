"""Every signal handler of the program, and what SIGINT (Ctrl-C) and SIGTERM do.

===========================  ========================================  ========================
command                      SIGINT                                    SIGTERM
===========================  ========================================  ========================
`qca train`                  checkpoint, exit 130; the second ends it  checkpoint, exit 0
                             at once
`qca train --processes N`    the same                                  the same
`qca up`                     stops what it launched, exit 130;         the same, exit 0
                             the second stops waiting
`qca down`                   reports what is left, exit 130           killed by it
`qca doctor --deep`          removes what it started, exit 130         the same, killed by it
`qca status --watch`         exit 130                                  exit 0
`qca plan`, `qca estimate`   exit 130                                  removes its temporary
                                                                       files, killed by it
all other commands           exit 130                                  killed by it
===========================  ========================================  ========================

`qca train`, one process. `set_on_signals` sets the event `stop`. The training loop checks it after
every step (`qca.train.loop`), drops the unfinished episode, writes a checkpoint of the finished
ones and returns "stopped". The exit code is then 0. After a SIGINT, `qca.cli.train` raises
KeyboardInterrupt instead, and the exit code is 130. A second SIGINT ends the process at once with
130 (`end_interrupted`).

`qca train --processes N`. The launching process receives the signal as above; once its `stop` is
set, it sends SIGTERM to each trainer (`qca.train.distributed.elastic`). The trainers agree to
stop between two episodes, write one checkpoint and exit with 0. A trainer starts with SIGTERM
blocked, until `set_on_signals` can handle it, and ignores one that arrives during its exit
(`ignore_late_sigterm`): if SIGTERM killed it, the launcher would restart it.

`qca up`. SIGTERM raises `Terminated` in the main thread (`raise_on_sigterm`), as SIGINT raises
KeyboardInterrupt. Without Docker it then sends SIGTERM to the trainer, which is in another process
session, and waits for its checkpoint (a second SIGINT kills the trainer). With Docker it takes
the stack down (`qca.cli.take_down`). A second signal interrupts that; `qca up` then writes one line
about what is left, and ignores both signals while it does so (`ignore_signals`). SIGHUP, which a
closed terminal sends, is handled like SIGTERM, except under `nohup`.

`qca doctor --deep` works in a thread that signals do not interrupt; the main thread asks it to stop
and waits until all containers are removed (`qca.cli.doctor_deep`).

In a container the trainer gets SIGTERM from `docker stop`, as in the first case above.
"""

import os
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from qca.core.atomic_files import drop_unfinished

# The exit code that shells expect after Ctrl-C: 128 + SIGINT.
EXIT_INTERRUPTED = 128 + signal.SIGINT

_STOPPING = b"\nStopping after this step, with a checkpoint; a second Ctrl-C stops at once.\n"

# Shows the cursor again, which a progress bar hides (DECTCEM).
_SHOW_CURSOR = b"\x1b[?25h"


class Terminated(BaseException):
    """SIGTERM was received: clean up and exit with 0, as a service should.

    Like KeyboardInterrupt, it is not an Exception, so `except Exception` does not catch it.
    """


@contextmanager
def raise_on_sigterm() -> Generator[None]:
    """Raise Terminated in the main thread on SIGTERM, and on SIGHUP unless it is ignored."""

    def terminate(number: int, _: FrameType | None) -> None:
        if number == signal.SIGHUP:
            _drop_terminal()
        raise Terminated

    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, terminate)}
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # not under nohup
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, terminate)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _drop_terminal() -> None:
    """Discard further output: writing to a closed terminal fails."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        if os.isatty(descriptor):
            os.dup2(nowhere, descriptor)


@contextmanager
def unwind_on_sigterm() -> Generator[None]:
    """Let SIGTERM end this process, but only after the block has removed files and children."""
    try:
        with raise_on_sigterm():
            yield
    except Terminated:
        _end_terminated()


def _end_terminated() -> NoReturn:
    """End this process as an unhandled SIGTERM would."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.raise_signal(signal.SIGTERM)
    raise AssertionError("SIGTERM is blocked")


@contextmanager
def ignore_signals() -> Generator[None]:
    """Ignore Ctrl-C, SIGTERM and SIGHUP during a cleanup."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def set_on_signals(stop: threading.Event, notice: bytes = _STOPPING) -> Generator[threading.Event]:
    """Set `stop` on SIGINT and SIGTERM; yield an event that is set after SIGINT.

    `notice` is written to stderr when the first SIGINT arrives.

    A second SIGINT ends the process immediately. It does not raise: a KeyboardInterrupt in a
    destructor, a thread's join or a callback of C code would be printed or swallowed.
    It does not wait for the main thread either, which may spend minutes in one call of C code:
    Python writes each signal to a pipe, and a separate thread reads it.
    """
    interrupted = threading.Event()
    reading, writing = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(writing, False)  # a signal handler must not wait
    listener = threading.Thread(
        target=_listen, args=(reading, stop, interrupted, notice), name="signals", daemon=True
    )
    listener.start()
    fd_before = signal.set_wakeup_fd(writing)
    # Only replaces the handlers that would raise or end the process.
    before = {
        number: signal.signal(number, _do_nothing) for number in (signal.SIGINT, signal.SIGTERM)
    }
    # A launched trainer starts with SIGTERM blocked.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, before)
    try:
        yield interrupted
    finally:
        # After an interruption the process is exiting, and a second Ctrl-C still ends it.
        if not interrupted.is_set():
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(fd_before)
            os.close(writing)  # stops the listener
            listener.join()


def _do_nothing(_: int, __: FrameType | None) -> None:
    pass


def _listen(
    reading: int, stop: threading.Event, interrupted: threading.Event, notice: bytes
) -> None:
    with open(reading, "rb", buffering=0) as signals:
        while number := signals.read(1):
            if number[0] == signal.SIGINT and interrupted.is_set():
                end_interrupted()
            if number[0] == signal.SIGINT:
                interrupted.set()
                # This bypasses Python's streams, which may be in the middle of a write.
                os.write(2, notice)
            stop.set()


@contextmanager
def ignore_late_sigterm() -> Generator[None]:
    """Prevent SIGTERM from killing a process that a launcher started.

    While the process trains, `set_on_signals` handles SIGTERM. After that the process is exiting,
    so SIGTERM has no effect.
    """
    # SIG_IGN would discard a pending signal.
    signal.signal(signal.SIGTERM, _do_nothing)
    try:
        yield
    finally:
        # Python's shutdown would replace a handler with the default action.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def end_interrupted(*_: object) -> NoReturn:
    """Exit immediately with 130, without unwinding; leave no file half-written."""
    drop_unfinished()
    if os.isatty(2):
        with suppress(OSError):
            os.write(2, _SHOW_CURSOR)
    os._exit(EXIT_INTERRUPTED)
