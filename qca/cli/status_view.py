"""The text of `qca status`."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from infra.stack.state import Launch
from qca.core.units import format_size, format_time_left
from qca.runs.progress import Memory, Progress

_BAR_WIDTH = 30


def render_status(
    launch: Launch, services: Sequence[dict[str, Any]], progress: Progress | None, *, bar: bool
) -> RenderableType:
    """Return a table of the services and how far the training is; with a bar on a terminal."""
    table = Table("service", "state", "health", box=None, pad_edge=False, header_style="bold")
    for service in services:
        state, exit_code = service["state"], service["exit_code"]
        text = state if exit_code is None else f"{state} ({exit_code})"
        table.add_row(service["name"], text, service["health"] or "")
    title = f"run {launch.run}, runtime {launch.runtime}, project {launch.project}"
    parts = [Text(title), Text(), table if services else Text("no services yet"), Text()]
    if progress is None:
        return Group(*parts, Text("no episode yet"))
    return Group(*parts, _render_progress(progress, bar))


def _render_progress(progress: Progress, bar: bool) -> Table:
    newest = progress.newest
    grid = Table.grid(padding=(0, 2))
    grid.add_row("episode", _format_episode(newest.episode, progress.episodes))
    if bar and progress.episodes:
        total, made = progress.episodes, newest.episode
        grid.add_row("", ProgressBar(total=total, completed=made, width=_BAR_WIDTH))
    grid.add_row("loss", f"{newest.loss:.4g}")
    speed = f"{newest.steps_per_second:.3g} steps/s, {newest.seconds:.3g} s an episode"
    grid.add_row("speed", speed)
    grid.add_row("memory", _format_memory(progress.memory))
    if progress.eta_seconds is not None:
        grid.add_row("left", f"about {format_time_left(progress.eta_seconds)}")
    return grid


def _format_episode(episode: int, episodes: int | None) -> str:
    if episodes is None:
        return f"{episode:,}"
    return f"{episode:,} of {episodes:,} ({episode / episodes:.0%})"


def _format_memory(memory: Memory) -> str:
    text = format_size(memory.used_bytes)
    if memory.budget_bytes:
        share = memory.used_bytes / memory.budget_bytes
        text += f" of the budget of {format_size(memory.budget_bytes)} ({share:.0%})"
    if memory.predicted_bytes:
        text += f", predicted {format_size(memory.predicted_bytes)}"
    return text
