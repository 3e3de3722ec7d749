"""What the run's charts show, and the words beside them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from markupsafe import Markup

from qca.core.config import GRADIENT_NORM_LIMIT
from qca.report.charts import (
    SERIES,
    SMALL,
    SMOOTH_FROM,
    WIDE,
    Colour,
    Curve,
    Level,
    draw,
    positive,
)
from qca.report.formatting import count
from qca.runs.events import EpisodeRecord
from qca.runs.run import Run


@dataclass(frozen=True)
class Legend:
    """One line of a legend."""

    label: str
    colour: Colour
    kind: str = "curve"
    """Or "level", "line", "tick", as in `charts.draw`."""


@dataclass(frozen=True)
class Chart:
    """A chart with the words that stand beside it."""

    title: str
    says: str
    """What the chart shows, for those who cannot see it too."""
    svg: Markup
    legend: tuple[Legend, ...] = ()
    narrow: Markup | None = None
    """The same for a phone, where `svg` is wider than one."""


def learning(run: Run) -> Iterator[Chart]:
    """Yield what was learned, episode by episode; nothing before the first one."""
    if run.records:
        yield _loss(run)
        yield _components(run.records)
        yield _gradient(run.records)
        yield _rates(run.records)
        yield _noise(run.records)


def speed(records: Sequence[EpisodeRecord]) -> Chart:
    """Return how fast the steps were made."""
    x, y = series(records, lambda record: record.steps_per_second)
    return Chart(
        "Speed",
        f"Median {median(y):,.3g} steps a second, slowest {min(y):,.3g}, fastest {max(y):,.3g}; "
        "each forward and backward, a batch counts once.",
        _drawn("speed", [Curve("speed", x, y, "b", smooth=True)], "steps a second", from_zero=True),
    )


def series(
    records: Sequence[EpisodeRecord], value: Callable[[EpisodeRecord], float]
) -> tuple[list[float], list[float]]:
    """Return the episodes' numbers, and a value of each."""
    return [float(record.episode) for record in records], [value(record) for record in records]


def _loss(run: Run) -> Chart:
    x, y = series(run.records, lambda record: record.loss)
    best = min(run.records, key=lambda record: record.loss)
    says = [
        f"From {y[0]:.4g} in episode {x[0]:,.0f} to {y[-1]:.4g} in episode {x[-1]:,.0f}; "
        f"the best is {best.loss:.4g} in episode {best.episode:,}."
    ]
    legend = []
    if len(x) >= SMOOTH_FROM:
        legend.append(Legend("each episode, pale; running median, strong", "a"))
    if run.continued:
        says.append(f"The run was continued {count(len(run.continued), 'time')}.")
        legend.append(Legend("continued here", "muted", "line"))
    if run.skipped:
        says.append(
            f"{count(len(run.skipped), 'episode')} gave a number that is not finite, "
            "and nothing was learned from it."
        )
        legend.append(Legend("skipped", "warn", "tick"))
    return _wide(
        Chart("Loss", " ".join(says), Markup(""), tuple(legend)),
        lambda name, size: draw(
            name,
            [Curve("loss", x, y, smooth=True)],
            quantity="loss, logarithmic" if positive(y) else "loss",
            size=size,
            lines=[episode - 0.5 for episode in run.continued],
            ticks=run.skipped,
            log=positive(y),
        ),
    )


def _components(records: Sequence[EpisodeRecord]) -> Chart:
    curves = [
        _component(records, name, SERIES[number % len(SERIES)])
        for number, name in enumerate(records[-1].components)
    ]
    said = "; ".join(f"{curve.label} {curve.y[0]:.3g} to {curve.y[-1]:.3g}" for curve in curves)
    log = positive(*(curve.y for curve in curves))
    return _wide(
        Chart(
            "Components of the loss",
            f"Each term before its factor, from the first episode to the last: {said}.",
            Markup(""),
            tuple(Legend(curve.label, curve.colour) for curve in curves),
        ),
        lambda name, size: draw(
            name,
            curves,
            quantity="term, logarithmic" if log else "term",
            size=size,
            log=log,
        ),
    )


def _component(records: Sequence[EpisodeRecord], name: str, colour: Colour) -> Curve:
    having = [record for record in records if name in record.components]
    x, y = series(having, lambda record: record.components[name])
    return Curve(name, x, y, colour=colour, smooth=True)


def _gradient(records: Sequence[EpisodeRecord]) -> Chart:
    x, y = series(records, lambda record: record.gradient_norm)
    clipped = sum(norm > GRADIENT_NORM_LIMIT for norm in y)
    return Chart(
        "Norm of the gradient",
        f"Median {median(y):.3g}, largest {max(y):.3g}, before clipping; clipped to "
        f"{GRADIENT_NORM_LIMIT:g} in {clipped:,} of {count(len(y), 'episode')}.",
        _drawn(
            "gradient",
            [Curve("norm", x, y, smooth=True)],
            "norm, logarithmic" if positive(y, [GRADIENT_NORM_LIMIT]) else "norm",
            levels=[Level("limit", GRADIENT_NORM_LIMIT)],
            log=positive(y, [GRADIENT_NORM_LIMIT]),
        ),
        (Legend("norm", "a"), Legend("limit of the clipping", "ink", "level")),
    )


def _rates(records: Sequence[EpisodeRecord]) -> Chart:
    x, y = series(records, lambda record: record.learning_rate)
    changes = sum(one != other for one, other in pairwise(y))
    says = f"{y[0]:.3g} throughout; it is halved when the loss stalls."
    if changes:
        says = (
            f"From {y[0]:.3g} to {y[-1]:.3g}, changed {count(changes, 'time')}: "
            "it is halved when the loss stalls."
        )
    curve = Curve("rate", x, y, "c")
    return Chart("Learning rate", says, _drawn("rate", [curve], "learning rate", from_zero=True))


def _noise(records: Sequence[EpisodeRecord]) -> Chart:
    x, y = series(records, lambda record: record.noise_rate)
    says = f"From {y[0]:.3g} to {y[-1]:.3g}: the share of cells whose phase a step disturbs."
    curve = Curve("noise", x, y, "d")
    return Chart("Noise", says, _drawn("noise", [curve], "share of the cells", from_zero=True))


def _drawn(name: str, curves: Sequence[Curve], quantity: str, **options: object) -> Markup:
    return Markup(draw(name, curves, quantity=quantity, **options))  # type: ignore[arg-type]


def _wide(chart: Chart, drawing: Callable[[str, tuple[int, int]], str]) -> Chart:
    """Return the chart drawn twice: for a wide page, and for a phone."""
    name = chart.title.split()[0].lower()
    broad, narrow = (Markup(drawing(f"{name}{size[0]}", size)) for size in (WIDE, SMALL))
    return Chart(chart.title, chart.says, broad, chart.legend, narrow)
