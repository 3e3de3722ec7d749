"""Apply one shared deadline to the probes and the programs that they run."""

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import IO, Self, cast

from infra.host.errors import ProbeError, ProbeTimeoutError, describe_error
from infra.host.files import MAX_BYTES
from qca.core.diagnostics import log_command
from qca.core.frozen import frozen_dataclass


@frozen_dataclass
class Output:
    """The output and the exit code of a program."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def error_line(self) -> str:
        """The output line with the error: the first line, or the last one of a Python traceback."""
        lines = [line.strip() for line in f"{self.stderr}\n{self.stdout}".splitlines()]
        telling = [line for line in lines if line and not line.startswith("WARNING: ")]
        if self.stderr.startswith("Traceback "):
            telling = [line for line in self.stderr.splitlines() if line][-1:]
        return telling[0] if telling else f"exit code {self.exit_code}"


class Deadline:
    """The shared deadline of all probes, and the programs that they started.

    Use it as a context manager: on exit it kills the programs that are still running.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end_time = time.monotonic() + seconds
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._over = True
            for process in self._running:
                _kill(process)

    def seconds_left(self) -> float:
        """Return the seconds until the deadline, never less than a millisecond.

        Zero would mean "do not wait" to a socket, and "no limit" to other calls.
        """
        return max(0.001, self._end_time - time.monotonic())

    def run(self, argv: Sequence[str | Path], *, env: dict[str, str] | None = None) -> Output:
        """Run a program to completion, without input or a terminal, in an empty folder.

        It cannot load anything from the user's folder, such as a Python module or Compose's `.env`.

        Raises:
            ProbeError: it cannot be started, writes too much, or takes too long; it is then killed
                with every process that it started.

        """
        with (
            log_command(argv) as run,
            TemporaryDirectory(prefix="qca-", ignore_cleanup_errors=True) as folder,
        ):
            process = self._start_uninterrupted(argv, env, folder)
            try:
                stdout, stderr = self._read(process)
                code = run.exit_code = process.wait(self.seconds_left())
            except subprocess.TimeoutExpired:
                raise self.timeout_error(_format_command(argv)) from None
            finally:
                self._forget(process)
        return Output(code, stdout.decode(errors="replace"), stderr.decode(errors="replace"))

    def timeout_error(self, what: str) -> ProbeTimeoutError:
        """Return the error for `what`, which did not answer in time."""
        return ProbeTimeoutError(f"{what} did not answer within {self.seconds:g} s")

    def _start_uninterrupted(
        self, argv: Sequence[str | Path], env: dict[str, str] | None, folder: str
    ) -> subprocess.Popen[bytes]:
        """Start a program in another thread; signal handlers raise only in the main thread."""
        if threading.current_thread() is not threading.main_thread():
            return self._start(argv, env, folder)
        with ThreadPoolExecutor(1) as starter:
            return starter.submit(self._start, argv, env, folder).result()

    def _start(
        self, argv: Sequence[str | Path], env: dict[str, str] | None, folder: str
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._over:
                raise self.timeout_error(_format_command(argv))
            try:
                # In a new session, the program has no terminal for a password prompt, and one
                # process group to kill. Ctrl-C does not reach it, but leaving the context kills it.
                process = subprocess.Popen(
                    [str(word) for word in argv],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                    env=env,
                    cwd=folder,
                )
            except (OSError, ValueError) as error:
                raise ProbeError(
                    f"{_format_command(argv)} could not be started: {describe_error(error)}"
                ) from None
            self._running.add(process)
            return process

    def _read(self, process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
        """Read both outputs to their end, within the limits on time and size."""
        assert process.stdout is not None
        assert process.stderr is not None
        texts: dict[IO[bytes], bytearray] = {
            process.stdout: bytearray(),
            process.stderr: bytearray(),
        }
        with selectors.DefaultSelector() as selector:
            for pipe in texts:
                selector.register(pipe, selectors.EVENT_READ, texts[pipe])
            while selector.get_map():
                ready = selector.select(self.seconds_left())
                if not ready:
                    raise self.timeout_error(_format_command(process.args))
                for key, _ in ready:
                    _read_chunk(selector, key)
                if any(len(text) > MAX_BYTES for text in texts.values()):
                    raise ProbeError(f"{_format_command(process.args)} wrote too much output")
        return bytes(texts[process.stdout]), bytes(texts[process.stderr])

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._running.discard(process)
            if process.returncode is None:
                _kill(process)
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()


def _read_chunk(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    """Append the available output of a pipe to its text; unregister it at its end."""
    chunk = os.read(key.fd, 2**16)
    key.data.extend(chunk)
    if not chunk:
        selector.unregister(key.fileobj)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a program and its children; its ID is valid until the program is waited for."""
    import psutil

    with suppress(psutil.Error):
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.Error):
                child.kill()  # including those that started a new session, as `docker` does
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(1)  # SIGKILL acts at once; a process that is stuck in the kernel stays


def _format_command(argv: object) -> str:
    parts = cast("Sequence[object]", argv) if isinstance(argv, list | tuple) else [argv]
    words = [str(part) for part in parts]
    short = [word if "\n" not in word and len(word) < 80 else "..." for word in words]
    return f"`{' '.join(short)}`"
