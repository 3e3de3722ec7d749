"""Run training without Docker: the trainer and a Valkey server as child processes."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Generator, Iterable, Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import IO

from infra.stack.plan import StackPlan
from infra.stack.services import STORE, TRAINER
from infra.stack.state import StateFolder
from infra.stack.trainer_command import build_distributed_flags, build_trainer_command
from qca.core.diagnostics import log_command
from qca.core.distribution import explain_install
from qca.core.errors import LaunchError
from qca.core.plain_files import open_plain

# The store normally answers within a tenth of a second; a busy machine needs longer.
_STORE_SECONDS = 15.0

# With -P, a module in the user's folder cannot shadow one of ours.
_PYTHON = (sys.executable, "-P")


@contextlib.contextmanager
def run_embedded_store(state: StateFolder) -> Generator[str]:
    """Run a private Valkey server, yield its URL, and stop it at the end.

    The server exits when its stdin is closed, so even a killed `qca up` leaves no server behind.

    Raises:
        LaunchError: the server did not start; the message has the end of its log.

    """
    command = [*_PYTHON, "-m", "qca.store.embedded"]
    with log_command(command) as run:
        with _open_log(state, STORE) as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        with process:
            try:
                yield f"unix://{_wait_for_socket(process, state)}"
            finally:
                _stop_store(process)
        run.exit_code = process.returncode


def build_local_command(plan: StackPlan, runs: Path, store_url: str) -> list[str]:
    """Return the command that runs the trainer of `plan` with this Python."""
    return [
        *(*_PYTHON, "-m", "qca"),
        *build_trainer_command(plan, runs, store_url),
        *build_distributed_flags(plan.trainer),
    ]


def run_trainer(command: list[str], state: StateFolder) -> Generator[str, None, None]:
    """Run the trainer's command, and yield the lines that it writes to stdout.

    If the caller stops early (Ctrl-C, SIGTERM), the trainer is told to stop, and this function
    returns after the trainer has written its checkpoint.

    Raises:
        LaunchError: the trainer failed; the message has the end of its output.

    """
    with _open_log(state, TRAINER) as log, log_command(command) as run:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            errors="replace",
            start_new_session=True,  # `qca up` receives Ctrl-C, and stops the processes in order
        )
        with process:
            try:
                yield from _tee(process.stdout or (), log)
            finally:
                _stop_trainer(process)
        run.exit_code = process.returncode
    if process.returncode != 0:
        raise _trainer_error(process.returncode, state.log_folder / "trainer.log")


def _stop_trainer(process: subprocess.Popen[str]) -> None:
    """Signal the trainer to stop, unless it has exited, and wait for its checkpoint."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        _wait_through_ctrl_c(process)


def _trainer_error(exit_code: int, log: Path) -> LaunchError:
    return LaunchError(
        f"the trainer failed with {_describe_exit(exit_code)}. The end of its log:\n"
        f"{_read_last_lines(log)}",
        hint=f"The complete log: {log}",
    )


def list_log_files(state: StateFolder, names: list[str]) -> list[Path]:
    """Return the log files of the named services, or of all."""
    state.check()
    return [
        file for file in sorted(state.log_folder.glob("*.log")) if not names or file.stem in names
    ]


def _tee(lines: Iterable[str], log: IO[str]) -> Iterator[str]:
    """Yield the lines, and also write them to the log."""
    for line in lines:
        with contextlib.suppress(OSError):  # the trainer reports a full disk itself
            log.write(line)
            log.flush()
        yield line.rstrip("\n")


def _open_log(state: StateFolder, name: str) -> TextIOWrapper:
    state.check()
    state.log_folder.mkdir(parents=True, exist_ok=True)
    return TextIOWrapper(open_plain(state.log_folder / f"{name}.log", "wb", follow=False), "utf-8")


def _wait_for_socket(process: subprocess.Popen[str], state: StateFolder) -> str:
    assert process.stdout is not None
    words = process.stdout.readline().split()
    if words[:1] != ["ready"]:
        log = state.log_folder / "store.log"
        raise LaunchError(
            f"the embedded store did not start:\n{_read_last_lines(log)}",
            hint=explain_install("train"),
        )
    return words[1]


def _stop_store(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(_STORE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _wait_through_ctrl_c(process: subprocess.Popen[str]) -> None:
    """Wait for the trainer to write its checkpoint; a second Ctrl-C kills it at once."""
    try:
        process.wait()
    except KeyboardInterrupt:
        process.kill()
        process.wait()


def _describe_exit(returncode: int) -> str:
    if returncode >= 0:
        return f"exit code {returncode}"
    try:
        return f"signal {signal.Signals(-returncode).name}"
    except ValueError:  # most real-time signals have no name
        return f"signal {-returncode}"


def _read_last_lines(file: Path, count: int = 10) -> str:
    """Return the end of a log without the events, which were already shown."""
    all_lines = file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    lines = [line for line in all_lines if not line.startswith('{"event":')]
    return "\n".join(f"  {line}" for line in lines[-count:]) or "  (nothing)"
