"""Draw curves as inline SVG.

matplotlib draws each color as a distinct near-black placeholder, which is then replaced by a CSS
variable, so that the charts follow the page's light and dark themes.
"""

# matplotlib's annotations are incomplete.
# pyright: reportUnknownMemberType=false
import io
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

Color = Literal["ink", "muted", "rule", "warn", "a", "b", "c", "d", "e", "f"]
_PLACEHOLDERS: dict[Color, str] = {
    name: f"#0000{number:02x}"
    for number, name in enumerate(
        ("ink", "muted", "rule", "warn", "a", "b", "c", "d", "e", "f"), start=1
    )
}
SERIES: tuple[Color, ...] = ("a", "b", "c", "d", "e", "f")

# Sizes in CSS pixels. SMALL is about as wide as a phone's column and as a third of a desktop page,
# WIDE as the whole page, so that the charts' text has about the page's font size.
SMALL = (400, 240)
WIDE = (1120, 300)

# With at least this many values, a chart adds a running median over a 25th of them.
SMOOTH_FROM = 75
_SMOOTH_SHARE = 25

# No screen can show more points; they would only make the page larger.
_MAX_POINTS = 700

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # keep text as text, in the page's font
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "svg.hashsalt": "qca",  # makes the output reproducible byte by byte
    "font.size": 12.5,
    "axes.linewidth": 0.8,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
}

# Allowed steps between two labels of a scale, times a power of ten.
_TICK_STEPS = (1, 2, 5, 10)
_BINARY_UNITS = ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB"))

# On its first use on a machine, matplotlib searches for fonts and logs that.
logging.getLogger("matplotlib").setLevel(logging.ERROR)


_Values = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """A curve of a chart: `y` over `x`."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    color: Color = "a"
    smooth: bool = False
    """Whether to draw the values in a pale color, with their running median on top."""


@dataclass(frozen=True)
class Level:
    """A horizontal reference line."""

    label: str
    y: float
    color: Color = "ink"


def draw(
    name: str,
    curves: Sequence[Curve],
    *,
    quantity: str,
    axis: str = "episode",
    size: tuple[int, int] = SMALL,
    levels: Sequence[Level] = (),
    lines: Sequence[float] = (),
    ticks: Sequence[float] = (),
    log: bool = False,
    from_zero: bool = False,
) -> str:
    """Return the chart as an `<svg>` element.

    Args:
        name: prefix for the ids in the element, which must be unique on the page.
        curves: the curves to draw; a curve with a single value is drawn as a dot.
        quantity: label of the vertical axis; "bytes" are converted to MiB or another unit.
        axis: label of the horizontal axis.
        size: width and height in CSS pixels.
        levels: horizontal reference lines.
        lines: positions on the horizontal axis to mark with dotted lines.
        ticks: positions without a value, marked with short strokes at the bottom.
        log: whether to use a logarithmic scale; ignored unless all values are positive.
        from_zero: whether the scale starts at zero.

    """
    if quantity == "bytes":
        quantity, curves, levels = _convert_bytes(curves, levels)
    with mpl.rc_context(_STYLE):
        layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.04)
        figure = Figure(figsize=(size[0] / 72, size[1] / 72), dpi=72, layout=layout)
        axes = figure.add_subplot()
        for curve in curves:
            _draw_curve(axes, curve)
        _draw_marks(axes, levels, lines, ticks)
        _scale_values(axes, curves, log=log, from_zero=from_zero)
        _style_axes(axes, quantity, axis, labels=9 if size[0] > SMALL[0] else 5)
        return _render_svg(figure, name, size)


def is_log_scale_useful(*curves: Sequence[float]) -> bool:
    """Return whether a logarithmic scale can show these values and shows more than a linear one."""
    values = [value for curve in curves for value in curve]
    return bool(values) and min(values) > 0 and max(values) / min(values) > 20


def _convert_bytes(
    curves: Sequence[Curve], levels: Sequence[Level]
) -> tuple[str, list[Curve], list[Level]]:
    """Convert bytes to the unit of the largest value, so that the scale has round numbers."""
    largest = max([*(max(curve.y) for curve in curves), *(level.y for level in levels)])
    factor, unit = next(
        ((2**power, unit) for power, unit in _BINARY_UNITS if largest >= 2**power), (1, "bytes")
    )
    return (
        unit,
        [replace(curve, y=[value / factor for value in curve.y]) for curve in curves],
        [replace(level, y=level.y / factor) for level in levels],
    )


def _draw_curve(axes: Axes, curve: Curve) -> None:
    color = _PLACEHOLDERS[curve.color]
    x, y = np.asarray(curve.x, float), np.asarray(curve.y, float)
    if len(x) == 1:
        axes.plot(x, y, color=color, marker="o", markersize=5, linestyle="none")
        return
    smooth = curve.smooth and len(x) >= SMOOTH_FROM
    axes.plot(
        *_thin_out(x, y),
        color=color,
        linewidth=0.8 if smooth else 1.7,
        alpha=0.38 if smooth else 1.0,
        solid_joinstyle="round",
    )
    if smooth:
        medians = _compute_running_median(y, len(x) // _SMOOTH_SHARE)
        axes.plot(*_thin_out(x, medians), color=color, linewidth=2.2)


def _draw_marks(
    axes: Axes, levels: Sequence[Level], lines: Sequence[float], ticks: Sequence[float]
) -> None:
    for level in levels:
        color = _PLACEHOLDERS[level.color]
        axes.axhline(level.y, color=color, linewidth=1.3, linestyle=(0, (5, 3)))
    for line in lines:
        axes.axvline(line, color=_PLACEHOLDERS["muted"], linewidth=1, linestyle=(0, (1, 2)))
    for tick in ticks:
        axes.axvline(tick, ymax=0.06, color=_PLACEHOLDERS["warn"], linewidth=1.6)


def _thin_out(x: _Values, y: _Values) -> tuple[_Values, _Values]:
    """Return the lowest and the highest point of each section, which keeps every peak."""
    if len(x) <= _MAX_POINTS:
        return x, y
    edges = np.linspace(0, len(x), _MAX_POINTS // 2 + 1).astype(int)
    indices = [0, len(x) - 1]
    for low, high in pairwise(edges):
        indices += [low + int(np.argmin(y[low:high])), low + int(np.argmax(y[low:high]))]
    unique = np.unique(indices)
    return x[unique], y[unique]


def _compute_running_median(y: _Values, window: int) -> _Values:
    half = window // 2
    padded = np.pad(y, half, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    return np.median(windows, axis=1)


def _scale_values(axes: Axes, curves: Sequence[Curve], *, log: bool, from_zero: bool) -> None:
    values = [value for curve in curves for value in curve.y]
    if log and values and min(values) > 0:
        axes.set_yscale("log")
        # Powers of ten alone would give only one or two labels.
        subs = (1.0, 2.0, 5.0) if max(values) / min(values) < 100 else (1.0,)
        axes.yaxis.set_major_locator(LogLocator(subs=subs, numticks=7))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=_TICK_STEPS))
        if from_zero:
            axes.set_ylim(bottom=0, top=None if any(values) else 1)
    axes.yaxis.set_major_formatter(FuncFormatter(_format_label))


def _style_axes(axes: Axes, quantity: str, axis: str, *, labels: int) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(labels, steps=_TICK_STEPS, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(_format_position))
    axes.margins(x=0.015)
    axes.set_xlabel(axis, color=_PLACEHOLDERS["muted"], loc="right")
    axes.set_title(quantity, loc="left", fontsize=12.5, color=_PLACEHOLDERS["muted"])
    axes.grid(axis="y", color=_PLACEHOLDERS["rule"], linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_PLACEHOLDERS["muted"], which="both")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_PLACEHOLDERS["muted"])


def _format_position(value: float, _: int) -> str:
    return f"{value:,.0f}"


def _format_label(value: float, _: int) -> str:
    """Return a short label for a scale: 0.002, 12,000, 5e-5."""
    if value and not 1e-3 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.3e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}".replace("-", "\N{MINUS SIGN}")
    return f"{value:,.6g}".replace("-", "\N{MINUS SIGN}")


def _render_svg(figure: Figure, name: str, size: tuple[int, int]) -> str:
    out = io.StringIO()
    FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = body[body.index(">") + 1 :]
    body = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", body)
    body = re.sub(r"font: ([\d.]+)px[^;\"]*", r"font-size: \1px", body)
    for color, placeholder in _PLACEHOLDERS.items():
        body = body.replace(placeholder, f"var(--{color})")
    head = f'<svg viewBox="0 0 {size[0]} {size[1]}" aria-hidden="true" focusable="false">'
    return head + re.sub(r"\s*\n\s*", "\n", body)
