"""Run another program while showing its progress, never through a shell."""

import contextlib
import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Sequence

from infra.stack.docker_failures import Cause, find_failure
from qca.core.diagnostics import log_command
from qca.core.errors import LaunchError

# A failed `pip install` in a build prints its cause 30 lines before the end of the output.
_KEPT_LINES = 40

# A build that is signaled to stop does so within a second.
_ASKED_TO_END = 3
_SECONDS_TO_END = 3.0


def run_streaming(
    command: Sequence[str],
    *,
    tick: Callable[[str], None],
    hint: str,
    causes: Sequence[Cause] = (),
) -> None:
    """Run `command`, and pass each line of its output to `tick`.

    Terminates the program if interrupted.

    Raises:
        LaunchError: the program does not exist or failed; the message has the line that shows one
            of the `causes` and its hint, otherwise the end of the output and `hint`.

    """
    last: deque[str] = deque(maxlen=_KEPT_LINES)

    def keep(line: str) -> None:
        last.append(line)
        tick(line)

    with log_command(command) as run:
        run.exit_code = _stream(command, keep, hint)
    if run.exit_code != 0:
        raise _build_error(f"`{' '.join(command[:2])}` failed", list(last), hint, causes)


def _build_error(
    what: str, output: Sequence[str], hint: str, causes: Sequence[Cause]
) -> LaunchError:
    failure = find_failure(output, causes)
    if failure is not None:
        return LaunchError(f"{what}: {failure.line}", hint=failure.hint)
    lines = "\n".join(f"  {line}" for line in output)
    return LaunchError(f"{what}; its output ends with:\n{lines}", hint=hint)


def _stream(command: Sequence[str], tick: Callable[[str], None], hint: str) -> int:
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # this process handles Ctrl-C
        )
    except OSError as error:
        raise LaunchError(f"cannot run {command[0]}: {error.strerror}", hint=hint) from None
    try:
        for line in process.stdout or ():
            tick(line.rstrip())
        return process.wait()
    except BaseException:
        _terminate(process)
        raise


def _terminate(process: subprocess.Popen[str]) -> None:
    """Signal the program and its child processes to stop, and repeat the signal.

    `docker build` loses a signal that arrives while it starts its plugin.
    """
    for number in (*[signal.SIGTERM] * _ASKED_TO_END, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=_SECONDS_TO_END)
            return
