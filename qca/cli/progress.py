"""A running training on stderr: a bar on a terminal, a line every few seconds elsewhere."""

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from qca.cli.messages import clean
from qca.core.units import format_size
from qca.runs.events import (
    CheckpointWritten,
    ConfigChanged,
    EpisodeRecord,
    Event,
    Finished,
    Noted,
    PlanChanged,
    Skipped,
    Started,
)
from qca.runs.resume_messages import describe_config_change, describe_repeated_episodes

_LINE_SECONDS = 5.0  # between two lines in a log file

# Of a line of `docker build`; leaves room for the bar on an 80-column terminal.
_TICK_WIDTH = 50

_ENDINGS = {
    "complete": "Done: {} episodes.",
    "stopped": "Stopped after {} episodes; the same command goes on from there.",
    "already-complete": "This run is complete: {} episodes. "
    "--episodes makes it longer, --run NAME starts another.",
}


class ProgressView:
    """Shows events on stderr as they come; use it as a context manager."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.completed}/{task.total}"),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._ticker: TaskID | None = None
        self._episodes = 0
        self._last_line = -_LINE_SECONDS

    def __enter__(self) -> "ProgressView":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, message: str) -> None:
        """Print a message above the bar."""
        self._console.print(clean(message), highlight=False, markup=False, soft_wrap=True)

    def tick(self, line: str) -> None:
        """Show the newest line of a long operation; the next one replaces it."""
        if self._ticker is None:
            self._ticker = self._progress.add_task("", total=None, numbers="")
        self._progress.update(self._ticker, description=clean(line)[:_TICK_WIDTH])

    def show(self, event: Event) -> None:
        """Show one event of the training."""
        match event:
            case Started():
                self._show_start(event)
            case EpisodeRecord():
                self._show_episode(event)
            case Finished():
                self.say(_ENDINGS[event.reason].format(event.episodes))
            case Skipped():
                self.say(f"Episode {event.episode} is skipped: {event.because}.")
            case PlanChanged():
                self.say(
                    f"Out of memory; episode {event.episode} is repeated with recompute "
                    f"{event.recompute}, optimizer state on {event.optimizer_state}."
                )
            case ConfigChanged():
                changes = describe_config_change(event.before, event.now)
                self.say(f"Note: changed with episode {event.episode:,}: {changes}.")
            case Noted():
                self.say(f"Note: {event.message}.")
            case CheckpointWritten():
                pass  # the run folder is named at the end; a line each would hide the rest

    def _show_start(self, event: Started) -> None:
        if self._ticker is not None:
            self._progress.remove_task(self._ticker)
            self._ticker = None
        self._episodes = event.episodes
        predicted = event.predicted_peak_bytes
        peak = "" if predicted is None else f", predicted peak {format_size(predicted)}"
        segment = "" if event.segment == 1 else f" in segments of {event.segment} steps"
        together = "" if event.processes == 1 else f" in {event.processes} processes"
        self.say(
            f"Training {event.run}: {event.parameters:,} parameters, "
            f"{event.grid}x{event.grid} cells, {event.steps} steps an episode, "
            f"on {event.device}{together}, {event.precision}, "
            f"recompute {event.recompute}{segment}{peak}."
        )
        if event.made_again_until is not None:
            first, last = event.first_episode, event.made_again_until
            self.say(f"Note: {describe_repeated_episodes(first, last)}.")
        for warning in event.warnings:
            self.say(f"Note: {warning}")
        self._task = self._progress.add_task(
            event.run, total=event.episodes, completed=event.first_episode - 1, numbers=""
        )

    def _show_episode(self, record: EpisodeRecord) -> None:
        numbers = (
            f"loss {record.loss:.4g}  {record.steps_per_second:.3g} steps/s  "
            f"{format_size(record.memory_bytes)}"
        )
        if self._task is not None:
            self._progress.update(self._task, completed=record.episode, numbers=numbers)
        now = time.monotonic()
        last = record.episode == self._episodes
        if not self._console.is_terminal and (last or now - self._last_line >= _LINE_SECONDS):
            self._last_line = now
            self.say(f"episode {record.episode}/{self._episodes}  {numbers}")
