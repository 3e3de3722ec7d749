"""The terminal screenshots in docs/images; `python -m tests.support.screens` updates them.

Each shows the output of a command for recorded data, on a dark and on a light terminal.
"""

import io
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, SVG_EXPORT_THEME, TerminalTheme
from rich.text import Text

from infra.doctor.examine import examine
from infra.doctor.formats.text import render_text
from infra.host.recording import load
from infra.stack.plan import plan_stack
from infra.stack.services import ServiceStatus
from qca.cli.launch_words import announce
from qca.cli.plan import build_table
from qca.cli.progress import ProgressView
from qca.cli.status_view import render_status
from qca.core.config import Config
from qca.core.units import GIB, MIB
from qca.runs.progress import Expectation, summarize_progress
from tests.support.run_folders import make_started, record

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
HOSTS = ROOT / "tests" / "hosts"
WIDTH = 80
STARTED = {
    "parameters": 437_608,
    "episodes": 100,
    "grid": 16,
    "steps": 32,
    "recompute": "none",
    "predicted_peak_bytes": 20 * MIB,
    "predicted_context_bytes": 326 * MIB,
}
EPISODE = {"seconds": 0.22, "steps_per_second": 144.0, "memory_bytes": 317 * MIB}
THEMES: dict[str, TerminalTheme] = {"dark": SVG_EXPORT_THEME, "light": DEFAULT_TERMINAL_THEME}


def draw_screens() -> dict[Path, str]:
    """Return the pictures by file; they are reproducible byte by byte."""
    return {
        IMAGES / f"{name}-{theme}.svg": _draw(name, title, show, theme)
        for name, (title, show) in SCREENS.items()
        for theme in THEMES
    }


def show_screen(name: str, width: int = WIDTH) -> Console:
    """Return a console of that width with the recorded output of the command."""
    console = Console(
        file=io.StringIO(),
        width=width,
        record=True,
        force_terminal=True,
        color_system="standard",
        legacy_windows=False,
        highlight=False,
        _environ={},
    )
    _, show = SCREENS[name]
    show(console)
    return console


def _draw(name: str, title: str, show: Callable[[Console], None], theme: str) -> str:
    console = show_screen(name)
    drawn = console.export_svg(title=title, theme=THEMES[theme], unique_id=f"{name}-{theme}")
    return "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"


def _show_doctor(console: Console) -> None:
    findings = examine(load(HOSTS / "gpu-not-restarted.json"), Config())
    text = render_text(findings, width=console.width, color=True)
    console.print(Text.from_ansi(text), soft_wrap=True)


def _show_plan(console: Console) -> None:
    console.print(build_table(plan_stack(load(HOSTS / "cpu-no-docker.json"), Config())))


def _show_up(console: Console) -> None:
    readings = iter(range(10_000))  # for a clock that advances by an episode at each reading
    view = ProgressView(console=console, get_time=lambda: next(readings) * EPISODE["seconds"])
    view.note("Examining this host.")
    announce(plan_stack(load(HOSTS / "cpu-no-docker.json"), Config()), [], view)
    view.show(make_started().model_copy(update=STARTED))
    for n in range(1, 42):
        view.show(record(n, loss=2 + 4 / n, **EPISODE))
    console.print(view.render_bar())


def _show_status(console: Console) -> None:
    title = "run first, runtime local, project qca"
    services = [
        ServiceStatus("store", "running", None, None),
        ServiceStatus("trainer", "running", "healthy", None),
    ]
    expected = Expectation(
        episodes=100,
        device="cpu",
        predicted_peak_bytes=20 * MIB,
        context_bytes=326 * MIB,
        budget_bytes=22 * GIB,
    )
    records = [record(n, loss=2 + 4 / n + 0.1 * (n % 3), **EPISODE) for n in range(1, 42)]
    progress = summarize_progress(records, expected, running=True)
    console.print(render_status(title, services, progress, bar=True))


SCREENS: dict[str, tuple[str, Callable[[Console], None]]] = {
    "doctor": ("qca doctor", _show_doctor),
    "plan": ("qca plan", _show_plan),
    "status": ("qca status --watch", _show_status),
    "up": ("qca up", _show_up),
}


if __name__ == "__main__":
    for file, text in draw_screens().items():
        file.write_text(text, encoding="utf-8")
