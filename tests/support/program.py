"""The `qca` program, called as a person or a script calls it: words in, text and status out."""

import contextlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T")

QCA = Path(sysconfig.get_path("scripts")) / "qca"

# A training of seconds: what is tested is everything around it.
TINY = {
    "profile": '"cpu"',
    "grid": "8",
    "d_state": "2",
    "hidden_channels": "4",
    "steps": "5",
    "episodes": "6",
    "checkpoint_every": "2",
}

# More episodes than any test waits for.
ENDLESS = ("--episodes", "1000000")


def write_config(folder: Path, stack: Mapping[str, object] | None = None) -> None:
    """A `qca.toml` with the tiny training, and the `[stack]` table given."""
    lines = ["[train]", *(f"{key} = {value}" for key, value in TINY.items())]
    if stack:
        lines += ["[stack]", *(f'{key} = "{value}"' for key, value in stack.items())]
    (folder / "qca.toml").write_text("\n".join(lines) + "\n")


def environment(**variables: str) -> dict[str, str]:
    """The test's own environment without settings of qca's or of a terminal's, and these."""
    unwanted = ("QCA_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(unwanted)}
    return {**kept, **variables}


def eventually(condition: Callable[[], T | None], seconds: float = 60.0) -> T:
    """What `condition` gives as soon as that is something; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.05)
    return found


@dataclass
class Running:
    """A `qca` in a process group of its own, its output in files."""

    process: subprocess.Popen[bytes]
    stdout: Path
    stderr: Path

    def said(self) -> str:
        """What it has written to stderr so far."""
        return self.stderr.read_text(errors="replace")

    def until(self, words: str, seconds: float = 90.0) -> None:
        """Waits until it says these words."""

        def has_said() -> bool:
            over = self.process.poll() is not None
            if words in self.said():
                return True
            assert not over, f"ended with {self.process.returncode} and said:\n{self.said()}"
            return False

        eventually(has_said, seconds)

    def family(self) -> list[psutil.Process]:
        """Every process that it has started and that runs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(
        self, number: signal.Signals | None = None, seconds: float = 90.0
    ) -> subprocess.CompletedProcess[str]:
        """Sends the signal, if any, and waits for the end."""
        if number is not None:
            self.process.send_signal(number)
        status = self.process.wait(seconds)
        assert "Traceback" not in self.said()
        return subprocess.CompletedProcess(
            self.process.args, status, self.stdout.read_text(), self.said()
        )


@dataclass
class Program:
    """Calls `qca` in one folder, with one environment."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    before: Sequence[str] = ()
    """Words before the program's name, such as `setpriv ...`."""

    def __call__(
        self, *words: object, check: int | None = 0, timeout: float = 120.0, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs it to its end, which must be the status `check`, and never a traceback."""
        done = self._run(words, {**self.variables, **variables}, timeout)
        assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
        if check is not None:
            assert done.returncode == check, done.stdout + done.stderr
        return done

    def _run(
        self, words: Sequence[object], variables: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(words),
            cwd=self.folder,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    @contextlib.contextmanager
    def running(self, *words: object, **variables: str) -> Iterator[Running]:
        """Runs it beside the test; ends it, if need be with SIGTERM, at the end of the block."""
        with tempfile.TemporaryDirectory(prefix="qca-test-") as folder:
            out, err = Path(folder) / "stdout", Path(folder) / "stderr"
            with out.open("wb") as stdout, err.open("wb") as stderr:
                process = subprocess.Popen(
                    self._command(words),
                    cwd=self.folder,
                    env=environment(**{**self.variables, **variables}),
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    start_new_session=True,
                    preexec_fn=_hear_ctrl_c,
                )
            try:
                yield Running(process, out, err)
            finally:
                _end(process)

    def _command(self, words: Sequence[object]) -> list[str]:
        return [*self.before, str(QCA), *map(str, words)]


def episodes(program: Program, run: str = "first") -> list[int]:
    """The episodes in the metrics of a run without Docker."""
    lines = (program.folder / "runs" / run / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["episode"] for line in lines]


def checkpoints(program: Program, run: str = "first") -> list[int]:
    """The episodes of its checkpoints."""
    files = (program.folder / "runs" / run / "checkpoints").iterdir()
    return sorted(int(file.stem.removeprefix("episode-")) for file in files)


class Endless:
    """A training that never ends by itself; started again once a test has ended it."""

    def __init__(self, program: Program, *words: object) -> None:
        self.program = program
        self._words = (*words, *ENDLESS)
        self._started = contextlib.ExitStack()
        self._runs: Running | None = None

    def up(self) -> Running:
        """The process that trains, with an episode made."""
        if self._runs is None or self._runs.process.poll() is not None:
            self._started.close()
            self._runs = self._started.enter_context(self.program.running(*self._words))
            self._runs.until("episode ")
        return self._runs

    def close(self) -> None:
        """Ends it."""
        self._started.close()


def _hear_ctrl_c() -> None:
    """Tests that run in the background of a shell have inherited that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """A temporary folder whose path leaves room for a Unix socket's 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix="qca-test-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def on_terminal(
    program: Program, *words: object
) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], str]]]:
    """Runs it on a terminal of its own; gives the process, and what it has shown so far."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    process = subprocess.Popen(
        [QCA, *map(str, words)],
        cwd=program.folder,
        env=environment(**{**program.variables, "TERM": "xterm-256color"}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=_hear_ctrl_c,
    )
    os.close(theirs)
    shown = bytearray()

    def read() -> str:
        with contextlib.suppress(OSError):  # nothing more for now, or nobody at the other end
            while block := os.read(ours, 65536):
                shown.extend(block)
        return shown.decode(errors="replace")

    try:
        yield process, read
    finally:
        _end(process)
        os.close(ours)
