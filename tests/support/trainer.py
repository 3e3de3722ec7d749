"""Run `qca train` in processes that are restarted and ended in various ways."""

import json
import os
import signal
from pathlib import Path

from tests.support.forks import FORKS, run_here
from tests.support.program import environment
from tests.support.waiting import wait_for

# Episodes take milliseconds, with a checkpoint at every third.
TINY = (
    *("--profile=cpu", "--device=cpu", "--precision=fp32", "--optimizer-state=device"),
    *("--recompute=step", "--grid=4", "--d-state=2", "--hidden-channels=2", "--steps=2"),
    *("--learning-rate=0.01", "--checkpoint-every=3"),
)
ENDLESS = 10**6


class Trainer:
    """A process that trains `run` in a folder, resuming where the last one ended."""

    def __init__(
        self, folder: Path, *words: str, episodes: int = ENDLESS, run: str = "first"
    ) -> None:
        self.run = folder / "runs" / run
        self._log = folder / f"{run}.log"
        self._log.touch()
        self._log_begins = self._log.stat().st_size
        argv = ["qca", "train", f"--run={run}", *TINY, f"--episodes={episodes}", *words]
        given = (folder, [*argv, "--resume"], environment(), Path(os.devnull), self._log)
        self._process = FORKS.Process(target=run_here, args=given)
        self._process.start()

    def wait_until_it_trains(self) -> None:
        """Wait until it reports its first episode."""
        wait_for(
            lambda: "episode " in self.read_stderr(),
            120,
            pause=0.005,
            is_running=self._process.is_alive,
            explain=self.read_stderr,
        )

    def kill(self) -> None:
        """Kill it like `kill -9`, or like the kernel when memory runs out."""
        assert self._process.is_alive(), f"it had ended: {self.read_stderr()}"
        self._process.kill()
        self._process.join()

    def end(self, number: signal.Signals | None = None) -> int | None:
        """Send the signal, if any, and wait for its exit; return the exit status."""
        if number is not None:
            assert self._process.pid is not None
            os.kill(self._process.pid, number)
        self._process.join(120)
        assert "Traceback" not in self.read_stderr()
        return self._process.exitcode

    def read_stderr(self) -> str:
        """Return its stderr; all trainers of a run share a log."""
        return self._log.read_bytes()[self._log_begins :].decode()

    def read_last_episode(self) -> int:
        """Return the last episode in the metrics file; 0 before the first."""
        try:
            *lines, _ = (self.run / "metrics.jsonl").read_bytes().split(b"\n")
        except FileNotFoundError:
            return 0
        return json.loads(lines[-1])["episode"] if lines else 0
