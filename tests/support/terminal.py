"""Run `qca` on a pseudoterminal, as a user does."""

import contextlib
import os
import pty
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support.program import QCA, Program, end_process, environment, restore_ctrl_c
from tests.support.waiting import wait_for


@dataclass
class Terminal:
    """The program's process, and our end of its terminal."""

    process: subprocess.Popen[bytes]
    _ours: int
    _shown: bytearray = field(default_factory=bytearray)

    def read(self) -> str:
        """Return everything that the program has written so far."""
        with contextlib.suppress(OSError):  # no more data for now, or the other end is closed
            while block := os.read(self._ours, 65536):
                self._shown.extend(block)
        return self._shown.decode(errors="replace")

    def write(self, text: str) -> None:
        """Type text."""
        os.write(self._ours, text.encode())

    def read_to_end(self) -> str:
        """Wait for the program to exit, and return everything that it has written."""
        # Keep reading: a terminal's buffer has 4 KiB, and a writer blocks when it is full.
        wait_for(lambda: self.read() and self.process.poll() is not None)
        return self.read()


@contextlib.contextmanager
def open_terminal(program: Program, *words: object) -> Iterator[Terminal]:
    """Run the program on its own terminal, and stop it at the end of the block."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    process = subprocess.Popen(
        [QCA, *map(str, words)],
        cwd=program.folder,
        env=environment(**{"TERM": "xterm-256color", **program.variables}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=restore_ctrl_c,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        end_process(process)
        os.close(ours)
