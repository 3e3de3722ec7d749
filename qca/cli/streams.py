"""Handle standard streams that are closed (`qca plan >&-`) or can no longer be written to."""

import os
import sys


def open_closed_streams() -> None:
    """Open /dev/null for each closed standard stream.

    Otherwise the next file to be opened would get its descriptor, and the output of libraries and
    child processes would go to that file.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free descriptor: the closed one
            os.set_inheritable(number, True)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def discard_output() -> None:
    """Discard the rest of stdout: its reader is gone, or its disk is full."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
