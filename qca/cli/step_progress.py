"""Show the steps of a long computation on stderr: a bar on a terminal, otherwise lines."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

from qca.cli.messages import note
from qca.cli.verbosity import is_quiet
from qca.core.units import format_count, format_time_left

_LINE_SECONDS = 5.0  # between two lines in a log file, as in training


@contextmanager
def show_steps(name: str, total: int) -> Generator[Callable[[int], None]]:
    """Yield a function to call with the number of steps since its last call."""
    console = Console(stderr=True)
    if is_quiet() or not console.is_terminal:
        yield _StepLines(name, total).advance
        return
    with Progress(console=console) as progress:
        task = progress.add_task(name, total=total)
        yield lambda steps: progress.advance(task, steps)


class _StepLines:
    """Prints the progress, at most once every few seconds."""

    def __init__(self, name: str, total: int) -> None:
        self._name, self._total, self._made = name, total, 0
        self._start = self._last_line = time.monotonic()

    def advance(self, steps: int) -> None:
        """Count the steps, and print a line if one is due."""
        self._made += steps
        now = time.monotonic()
        if now - self._last_line < _LINE_SECONDS:
            return
        self._last_line = now
        left = (now - self._start) / self._made * (self._total - self._made)
        share = f"{self._made / self._total:.0%}"
        made = f"{self._made:,} of {format_count(self._total, 'step')} ({share})"
        note(f"{self._name}: {made}, about {format_time_left(left)} left")
