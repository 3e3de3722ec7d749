"""Render the text of `qca status`."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from infra.stack.services import ServiceStatus
from qca.core.units import format_size, format_time_left
from qca.runs.progress import Memory, Progress

_BAR_WIDTH = 30

_BLOCKS = "▁▂▃▄▅▆▇█"

# Colors of a service's state and health; other values keep the terminal's color.
_STYLES = {
    "running": "green",
    "healthy": "green",
    "starting": "yellow",
    "restarting": "yellow",
    "paused": "yellow",
    "unhealthy": "red",
    "exited": "red",
    "dead": "red",
}

# Shares of the budget at which the color of the memory bar changes.
_MUCH, _TOO_MUCH = 0.8, 0.95


def render_status(
    title: str, services: Sequence[ServiceStatus] | None, progress: Progress | None, *, bar: bool
) -> RenderableType:
    """Return the services and the run's progress, with bars and a curve on a terminal.

    `services` is None if none is expected.
    """
    parts: list[RenderableType] = [Text(title, style="bold"), Text()]
    if services is not None:
        parts += [_list_services(services) if services else Text("no services yet"), Text()]
    if progress is None:
        return Group(*parts, Text("no episode yet"))
    return Group(*parts, _render_progress(progress, bar))


def draw_sparkline(values: Sequence[float]) -> str:
    """Return a block character per value, the lowest block for the smallest value."""
    low, high = min(values), max(values)
    steps = len(_BLOCKS) - 1
    shares = [(value - low) / (high - low) if high > low else 0 for value in values]
    return "".join(_BLOCKS[round(share * steps)] for share in shares)


def _list_services(services: Sequence[ServiceStatus]) -> Table:
    table = Table("service", "state", "health", box=None, pad_edge=False, header_style="bold")
    for service in services:
        state, exit_code, health = service.state, service.exit_code, service.health or ""
        text = state if exit_code is None else f"{state} ({exit_code})"
        style = "" if exit_code == 0 else _STYLES.get(state, "")
        table.add_row(service.name, Text(text, style), Text(health, _STYLES.get(health, "")))
    return table


def _render_progress(progress: Progress, bar: bool) -> Table:
    newest = progress.newest
    grid = Table.grid(padding=(0, 2))
    grid.add_row("episode", _format_episode(newest.episode, progress.episodes))
    if bar and progress.episodes:
        total, made = progress.episodes, newest.episode
        grid.add_row("", ProgressBar(total=total, completed=made, width=_BAR_WIDTH))
    grid.add_row("loss", f"{newest.loss:.4g}")
    if bar and len(progress.losses) > 1:
        count = len(progress.losses)
        curve = Text.assemble(
            (draw_sparkline(progress.losses), "cyan"), f"  the last {count} episodes"
        )
        grid.add_row("", curve)
    speed = f"{newest.steps_per_second:.3g} steps/s, {newest.seconds:.3g} s per episode"
    grid.add_row("speed", speed)
    grid.add_row("memory", _format_memory(progress.memory))
    if bar and progress.memory.budget_bytes:
        grid.add_row("", _draw_memory(progress.memory, progress.memory.budget_bytes))
    if progress.eta_seconds is not None:
        grid.add_row("left", f"about {format_time_left(progress.eta_seconds)}")
    return grid


def _draw_memory(memory: Memory, budget: int) -> ProgressBar:
    share = memory.used_bytes / budget
    style = "red" if share >= _TOO_MUCH else "yellow" if share >= _MUCH else "green"
    return ProgressBar(
        total=budget,
        completed=min(memory.used_bytes, budget),
        width=_BAR_WIDTH,
        complete_style=style,
        finished_style=style,
    )


def _format_episode(episode: int, episodes: int | None) -> str:
    if not episodes:
        return f"{episode:,}"
    return f"{episode:,} of {episodes:,} ({episode / episodes:.0%})"


def _format_memory(memory: Memory) -> str:
    text = format_size(memory.used_bytes)
    if memory.budget_bytes:
        share = memory.used_bytes / memory.budget_bytes
        text += f" of the {format_size(memory.budget_bytes)} budget ({share:.0%})"
    if memory.predicted_bytes:
        text += f", predicted {format_size(memory.predicted_bytes)}"
    return text
