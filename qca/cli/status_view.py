"""How `qca status` looks."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from infra.stack.state import Launch
from qca.core.units import format_size
from qca.runs.progress import Memory, Standing

_BAR_WIDTH = 30


def view(
    launch: Launch, services: Sequence[dict[str, Any]], found: Standing | None, *, bar: bool
) -> RenderableType:
    """Return the services, and below them how far the training is; with a bar on a terminal."""
    table = Table("service", "state", "health", box=None, pad_edge=False, header_style="bold")
    for service in services:
        state, exit_code = service["state"], service["exit_code"]
        shown = state if exit_code is None else f"{state} ({exit_code})"
        table.add_row(service["name"], shown, service["health"] or "")
    title = f"run {launch.run}, runtime {launch.runtime}, project {launch.project}"
    parts = [Text(title), Text(), table if services else Text("no services yet"), Text()]
    return Group(*parts, Text("no episode yet") if found is None else _progress(found, bar))


def _progress(found: Standing, bar: bool) -> Table:
    newest = found.newest
    grid = Table.grid(padding=(0, 2))
    grid.add_row("episode", _episode(newest.episode, found.episodes))
    if bar and found.episodes:
        total, made = found.episodes, newest.episode
        grid.add_row("", ProgressBar(total=total, completed=made, width=_BAR_WIDTH))
    grid.add_row("loss", f"{newest.loss:.4g}")
    speed = f"{newest.steps_per_second:.3g} steps/s, {newest.seconds:.3g} s an episode"
    grid.add_row("speed", speed)
    grid.add_row("memory", _memory(found.memory))
    if found.eta_seconds is not None:
        grid.add_row("left", f"about {_duration(found.eta_seconds)}")
    return grid


def _episode(episode: int, episodes: int | None) -> str:
    if episodes is None:
        return f"{episode:,}"
    return f"{episode:,} of {episodes:,} ({episode / episodes:.0%})"


def _memory(memory: Memory) -> str:
    said = format_size(memory.used_bytes)
    if memory.budget_bytes:
        share = memory.used_bytes / memory.budget_bytes
        said += f" of the budget of {format_size(memory.budget_bytes)} ({share:.0%})"
    if memory.predicted_bytes:
        said += f", predicted {format_size(memory.predicted_bytes)}"
    return said


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"
