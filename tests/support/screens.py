"""The pictures of the terminal in docs/images: `python -m tests.support.screens` draws them anew.

Each shows what a command prints about recorded data, on a dark and on a light terminal.
"""

import io
from pathlib import Path

from rich.console import Console, RenderableType
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, SVG_EXPORT_THEME, TerminalTheme

from infra.host.recording import load
from infra.stack.plan import plan_stack
from qca.cli.plan import build_table
from qca.cli.status_view import render_status
from qca.core.config import Config
from qca.core.units import MIB
from qca.runs.progress import Expectation, summarize_progress
from tests.support.run_folders import record

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
HOSTS = ROOT / "tests" / "hosts"
WIDTH = 80
THEMES: dict[str, TerminalTheme] = {"dark": SVG_EXPORT_THEME, "light": DEFAULT_TERMINAL_THEME}


def draw_screens() -> dict[Path, str]:
    """Return the pictures by their files; the same code draws the same bytes."""
    screens = {
        "plan": ("qca plan", _show_plan()),
        "status": ("qca status --watch", _show_status()),
    }
    return {
        IMAGES / f"{name}-{theme}.svg": _draw(name, title, content, theme)
        for name, (title, content) in screens.items()
        for theme in THEMES
    }


def _draw(name: str, title: str, content: RenderableType, theme: str) -> str:
    console = Console(
        file=io.StringIO(),
        width=WIDTH,
        record=True,
        force_terminal=True,
        color_system="standard",
        legacy_windows=False,
        highlight=False,
        _environ={},
    )
    console.print(content)
    drawn = console.export_svg(title=title, theme=THEMES[theme], unique_id=f"{name}-{theme}")
    return "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"


def _show_plan() -> RenderableType:
    return build_table(plan_stack(load(HOSTS / "cpu-no-docker.json"), Config()))


def _show_status() -> RenderableType:
    title = "run first, runtime local, project qca"
    services = [
        {"name": "store", "state": "running", "health": None, "exit_code": None},
        {"name": "trainer", "state": "running", "health": "healthy", "exit_code": None},
    ]
    expected = Expectation(
        episodes=100,
        device="cpu",
        predicted_peak_bytes=20 * MIB,
        context_bytes=361 * MIB,
        budget_bytes=768 * MIB,
    )
    records = [
        record(n, loss=2 + 4 / n + 0.1 * (n % 3), memory_bytes=378 * MIB) for n in range(1, 42)
    ]
    progress = summarize_progress(records, expected, running=True)
    return render_status(title, services, progress, bar=True)


if __name__ == "__main__":
    for file, text in draw_screens().items():
        file.write_text(text, encoding="utf-8")
