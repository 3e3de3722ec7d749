"""Running another program while showing that it lives; never through a shell."""

import subprocess
from collections import deque
from collections.abc import Callable, Sequence

from qca.errors import LaunchError

# Enough of a failed build's end to see its cause.
_KEPT_LINES = 15


def run_streaming(command: Sequence[str], *, tick: Callable[[str], None], hint: str) -> None:
    """Run `command`, handing each line of its output to `tick`.

    Ends the program when interrupted.

    Raises:
        LaunchError: it is not there or failed; the message holds the end of its output.

    """
    last: deque[str] = deque(maxlen=_KEPT_LINES)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise LaunchError(f"cannot run {command[0]}: {error.strerror}", hint=hint) from None
    try:
        for line in process.stdout or ():
            last.append(line.rstrip())
            tick(line.rstrip())
        returncode = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if returncode != 0:
        said = "\n".join(f"  {line}" for line in last)
        raise LaunchError(f"`{' '.join(command[:2])}` failed and said:\n{said}", hint=hint)
