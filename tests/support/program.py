"""Run the `qca` program as a user or a script does: arguments in, output and exit status out."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.support.waiting import wait_for

QCA = Path(sysconfig.get_path("scripts")) / "qca"

# A run that takes seconds, for tests of everything around training.
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
    """Write a `qca.toml` with a tiny training configuration and the given `[stack]` table."""
    lines = ["[train]", *(f"{key} = {value}" for key, value in TINY.items())]
    if stack:
        lines += ["[stack]", *(f'{key} = "{value}"' for key, value in stack.items())]
    (folder / "qca.toml").write_text("\n".join(lines) + "\n")


def environment(**variables: str) -> dict[str, str]:
    """Return the test's environment without settings of qca and terminals, plus `variables`."""
    unwanted = ("QCA_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(unwanted)}
    return {**kept, **variables}


@dataclass
class Running:
    """A running `qca` in its own process group, with its output in files."""

    process: subprocess.Popen[bytes]
    stdout: Path
    stderr: Path

    def read_stderr(self) -> str:
        """Return its stderr so far."""
        return self.stderr.read_text(errors="replace")

    def wait_for_stderr(self, words: str, seconds: float = 90.0) -> None:
        """Wait until it has written these words to stderr."""
        wait_for(
            lambda: words in self.read_stderr(),
            seconds,
            is_running=lambda: self.process.poll() is None,
            explain=self.read_stderr,
        )

    def find_children(self) -> list[psutil.Process]:
        """Return every running process that it has started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(
        self, number: signal.Signals | None = None, seconds: float = 90.0
    ) -> subprocess.CompletedProcess[str]:
        """Send the signal, if any, and wait for its exit."""
        if number is not None:
            self.process.send_signal(number)
        status = self.process.wait(seconds)
        assert "Traceback" not in self.read_stderr(), self.read_stderr()
        return subprocess.CompletedProcess(
            self.process.args, status, self.stdout.read_text(), self.read_stderr()
        )


@dataclass
class Program:
    """Runs `qca` in a folder, with an environment."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    before: Sequence[str] = ()
    """The command prefix, such as `setpriv ...`."""

    def __call__(
        self, *words: object, check: int | None = 0, timeout: float = 120.0, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run it to completion, and require the exit status `check` and no traceback."""
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
    def start(self, *words: object, **variables: str) -> Iterator[Running]:
        """Start it, yield it, and send it SIGTERM if it still runs at the end of the block."""
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
                    preexec_fn=restore_ctrl_c,
                )
            try:
                yield Running(process, out, err)
            finally:
                end_process(process)

    def _command(self, words: Sequence[object]) -> list[str]:
        return [*self.before, str(QCA), *map(str, words)]


def episodes(program: Program, run: str = "first") -> list[int]:
    """Return the episodes in the metrics of a run without Docker."""
    lines = (program.folder / "runs" / run / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["episode"] for line in lines]


def checkpoints(program: Program, run: str = "first") -> list[int]:
    """Return the episodes of its checkpoints."""
    files = (program.folder / "runs" / run / "checkpoints").iterdir()
    return sorted(int(file.stem.removeprefix("episode-")) for file in files)


class Endless:
    """A run that never ends by itself, and is restarted if a test has stopped it."""

    def __init__(self, program: Program, *words: object) -> None:
        self.program = program
        self._words = (*words, *ENDLESS)
        self._started = contextlib.ExitStack()
        self._runs: Running | None = None

    def up(self) -> Running:
        """Return the training process, after its first episode."""
        if self._runs is None or self._runs.process.poll() is not None:
            self._started.close()
            self._runs = self._started.enter_context(self.program.start(*self._words))
            self._runs.wait_for_stderr("episode ")
            lower_priority(self._runs.find_children())
        return self._runs

    def close(self) -> None:
        """Stop it."""
        self._started.close()


def lower_priority(processes: Iterable[psutil.Process]) -> None:
    """Let the tests compute first: a trainer that never ends uses a whole processor."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.nice(5)


def restore_ctrl_c() -> None:
    """Restore SIGINT, which a shell ignores for background jobs and the tests inherit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def end_process(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """Yield a temporary folder with a path short enough for a Unix socket's 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix="qca-test-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
