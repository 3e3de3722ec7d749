"""What Ctrl-C and SIGTERM do to a program that has something to put away."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


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
