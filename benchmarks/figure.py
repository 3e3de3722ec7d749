"""Draw the measured memory and time of an episode: `python -m benchmarks.figure`.

It writes docs/images/episode-light.svg and episode-dark.svg from benchmarks/episodes.toml.
"""

import io
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

ROOT = Path(__file__).parents[1]
DATA = ROOT / "benchmarks" / "episodes.toml"
IMAGES = ROOT / "docs" / "images"

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "qca",
    "font.family": "sans-serif",
    "font.sans-serif": ["system-ui", "Segoe UI", "Helvetica", "Arial", "DejaVu Sans"],
    "font.size": 13,
}


@dataclass(frozen=True)
class Theme:
    """The colors for one background: the text, the bar of plain autograd, and qca's bars."""

    ink: str
    plain: str
    qca: str


# GitHub's own colors for text and charts on its two backgrounds.
THEMES = {
    "light": Theme(ink="#1f2328", plain="#8c959f", qca="#0969da"),
    "dark": Theme(ink="#e6edf3", plain="#7d8590", qca="#4493f8"),
}


def draw_episode(rows: list[dict[str, Any]], title: str, theme: Theme) -> str:
    """Return an SVG with two panels of bars: GPU memory and time, with a bar per row.

    A row has `name`, `gibibytes` (the allocator's reserved memory) and `seconds`.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(10, 2.9), layout="constrained", facecolor="none")
        left, right = figure.subplots(1, 2, sharey=True)
        _draw_bars(left, rows, "gibibytes", "GPU memory, GiB", theme)
        _draw_bars(right, rows, "seconds", "time, seconds", theme)
        figure.suptitle(title, color=theme.ink, fontsize=13)
        svg = io.StringIO()
        FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None})
    return svg.getvalue()


def _draw_bars(axes: Axes, rows: list[dict[str, Any]], key: str, label: str, theme: Theme) -> None:
    colors = [theme.qca if row["name"].startswith("qca") else theme.plain for row in rows]
    bars = axes.barh([row["name"] for row in rows], [row[key] for row in rows], color=colors)
    axes.bar_label(bars, [_format(row[key]) for row in rows], padding=4, color=theme.ink)
    axes.set_title(label, loc="left", color=theme.ink, fontsize=13)
    axes.set_xlim(0, 1.12 * max(row[key] for row in rows))
    axes.tick_params(length=0, labelcolor=theme.ink)
    axes.set_xticks([])
    axes.set_facecolor("none")
    axes.spines[:].set_visible(False)
    if not axes.yaxis_inverted():
        axes.invert_yaxis()


def _format(value: float) -> str:
    """Return three significant digits, at most two of them after the point."""
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def main() -> None:
    """Write the picture for both themes."""
    data = tomllib.loads(DATA.read_text(encoding="utf-8"))
    for name, theme in THEMES.items():
        svg = draw_episode(data["rows"], data["title"], theme)
        (IMAGES / f"episode-{name}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
