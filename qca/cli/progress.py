"""Show a training run on stderr: a bar on a terminal, a line every few seconds elsewhere."""

import time
from collections.abc import Callable

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.text import Text

from qca.cli.event_text import describe_event, format_numbers
from qca.cli.messages import clean
from qca.cli.verbosity import is_quiet
from qca.core.units import format_time_left
from qca.runs.events import CheckpointWritten, EpisodeRecord, Event, Finished, Started

_LINE_SECONDS = 5.0  # between two lines in a log file

# Columns for a line of `docker build`. They leave room for the bar on an 80-column terminal.
_TICK_WIDTH = 50

# Minimum terminal widths for two and for three numbers next to the bar.
_ROOM_FOR_NUMBERS = (0, 80, 100)


class _TimeLeft(ProgressColumn):
    """The remaining time with a label; empty until it is known."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        left = task.time_remaining
        if left is None or task.finished:
            return Text("")
        return Text(f"{format_time_left(left)} left", style="progress.remaining")


class ProgressView:
    """Shows events on stderr as they arrive; use it as a context manager.

    With `-q`, it shows only deviations from the plan.

    Args:
        resume: the command that resumes a stopped training run.
        console: where to show it; stderr if not given.
        get_time: the clock for the remaining time, in seconds.

    """

    def __init__(
        self,
        *,
        resume: str = "the same command",
        console: Console | None = None,
        get_time: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resume = resume
        self._is_quiet = is_quiet()
        self._console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.completed}/{task.total}"),
            TextColumn("{task.fields[numbers]}"),
            _TimeLeft(),
            console=self._console,
            get_time=get_time,
            disable=self._is_quiet or not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._ticker: TaskID | None = None
        self._episodes = 0
        self._last_line = -_LINE_SECONDS

    def __enter__(self) -> "ProgressView":
        try:
            self._progress.start()
        except BaseException:  # from a signal; `with` does not call `__exit__` then
            self._progress.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def render_bar(self) -> RenderableType:
        """Return the current bar."""
        return self._progress.get_renderable()

    def say(self, message: str) -> None:
        """Print a message: above the bar while it is shown, otherwise below."""
        # Wrap lines only for a terminal, which would otherwise break them inside a word.
        whole = not self._console.is_terminal
        self._console.print(clean(message), highlight=False, markup=False, soft_wrap=whole)

    def note(self, message: str) -> None:
        """Print a message unless `-q` is given."""
        if not self._is_quiet:
            self.say(message)

    def tick(self, line: str) -> None:
        """Show the newest line of a long operation; the next one replaces it."""
        if self._ticker is None:
            self._ticker = self._progress.add_task("", total=None, numbers="")
        self._progress.update(self._ticker, description=clean(line)[:_TICK_WIDTH])

    def show(self, event: Event) -> None:
        """Show one event."""
        match event:
            case Started() if self._is_quiet:
                for warning in event.warnings:
                    self.say(f"Note: {warning}")
                return
            case Finished() if self._is_quiet:
                return
            case EpisodeRecord():
                self._show_episode(event)
                return
            case CheckpointWritten():
                # A line per checkpoint would hide the rest; the last message names the run folder.
                return
            case Started():
                self._remove_ticker()
            case Finished():
                self.end_bar()
            case _:
                pass
        for line in describe_event(event, resume=self._resume):
            self.say(line)
        if isinstance(event, Started):
            self._add_bar(event)

    def end_bar(self) -> None:
        """Leave the bar on the screen; later messages are printed below it."""
        self._remove_ticker()
        self._progress.stop()

    def _remove_ticker(self) -> None:
        if self._ticker is not None:
            self._progress.remove_task(self._ticker)
            self._ticker = None

    def _add_bar(self, event: Started) -> None:
        """Show the run's bar; a restarted trainer reuses the first bar."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._episodes = event.episodes
        self._task = self._progress.add_task(
            event.run, total=event.episodes, completed=event.first_episode - 1, numbers=""
        )

    def _show_episode(self, record: EpisodeRecord) -> None:
        numbers = format_numbers(record)
        if self._task is not None:
            width = self._console.width
            room = sum(width >= columns for columns in _ROOM_FOR_NUMBERS)
            shown = "  ".join(numbers[:room])
            self._progress.update(self._task, completed=record.episode, numbers=shown)
        now = time.monotonic()
        last = record.episode == self._episodes
        if not self._console.is_terminal and (last or now - self._last_line >= _LINE_SECONDS):
            self._last_line = now
            self.note(f"episode {record.episode}/{self._episodes}  {'  '.join(numbers)}")
