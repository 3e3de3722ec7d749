"""Draw the charts of a run's learning and speed, with their captions."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from markupsafe import Markup

from qca.core.config import GRADIENT_NORM_LIMIT
from qca.core.units import format_count
from qca.report.charts import (
    SERIES,
    SMALL,
    SMOOTH_FROM,
    WIDE,
    Color,
    Curve,
    Level,
    draw,
    is_log_scale_useful,
)
from qca.runs.events import EpisodeRecord
from qca.runs.run import Run


@dataclass(frozen=True)
class Legend:
    """An entry of a legend."""

    label: str
    color: Color
    kind: str = "curve"
    """"curve", "level", "line" or "tick", as in `charts.draw`."""


@dataclass(frozen=True)
class Chart:
    """A chart with its caption."""

    title: str
    caption: str
    """A summary of the chart; also its description for screen readers."""
    svg: Markup
    legend: tuple[Legend, ...] = ()
    narrow: Markup | None = None
    """A version for a phone, if `svg` is wider than its screen."""


def draw_learning(run: Run) -> Iterator[Chart]:
    """Yield the charts that show learning by episode; yield none before the first episode."""
    if run.records:
        yield _draw_loss(run)
        yield _draw_components(run.records)
        yield _draw_gradient(run.records)
        yield _draw_learning_rate(run)
        yield _draw_noise(run.records)


def draw_speed(records: Sequence[EpisodeRecord]) -> Chart:
    """Return the chart of steps per second."""
    x, y = extract_series(records, lambda record: record.steps_per_second)
    curve = Curve("speed", x, y, "b", smooth=True)
    return Chart(
        "Speed",
        f"Median {median(y):,.3g} steps per second, slowest {min(y):,.3g}, fastest "
        f"{max(y):,.3g}. One step includes its forward and backward pass; a batch counts once.",
        Markup(draw("speed", [curve], quantity="steps per second", from_zero=True)),
    )


def extract_series(
    records: Sequence[EpisodeRecord], value: Callable[[EpisodeRecord], float]
) -> tuple[list[float], list[float]]:
    """Return the episodes' numbers, and one value of each episode."""
    return [float(record.episode) for record in records], [value(record) for record in records]


def _draw_loss(run: Run) -> Chart:
    x, y = extract_series(run.records, lambda record: record.loss)
    log = is_log_scale_useful(y)
    return _draw_twice(
        Chart("Loss", " ".join(_describe_loss(run)), Markup(""), tuple(_list_loss_legend(run))),
        lambda name, size: draw(
            name,
            [Curve("loss", x, y, smooth=True)],
            quantity="loss, logarithmic" if log else "loss",
            size=size,
            lines=[episode - 0.5 for episode in run.resume_episodes],
            ticks=run.skipped_episodes,
            log=log,
        ),
    )


def _describe_loss(run: Run) -> Iterator[str]:
    """Yield the caption's sentences: the loss, its changes, resumed sessions, skipped episodes."""
    first, last, best = run.records[0], run.records[-1], run.best_record
    yield (
        f"From {first.loss:.4g} in episode {first.episode:,} to {last.loss:.4g} in episode "
        f"{last.episode:,}; the best is {best.loss:.4g} in episode {best.episode:,}."
    )
    if run.resume_episodes:
        yield f"The run was resumed {format_count(len(run.resume_episodes), 'time')}."
    for change in run.config_changes:
        if "loss" in change.now:
            yield (
                f"The loss is {change.now['loss']} from episode {change.episode:,} on, and "
                f"{change.before['loss']} before; their values cannot be compared."
            )
    if run.skipped_episodes:
        skipped = format_count(len(run.skipped_episodes), "episode")
        yield f"{skipped} produced a number that is not finite and did not change the weights."


def _list_loss_legend(run: Run) -> Iterator[Legend]:
    if len(run.records) >= SMOOTH_FROM:
        yield Legend("pale: each episode; bold: running median", "a")
    if run.resume_episodes:
        yield Legend("resumed here", "muted", "line")
    if run.skipped_episodes:
        yield Legend("skipped", "warn", "tick")


def _draw_components(records: Sequence[EpisodeRecord]) -> Chart:
    curves = [
        _make_component_curve(records, name, SERIES[number % len(SERIES)])
        for number, name in enumerate(records[-1].components)
    ]
    changes = "; ".join(f"{curve.label} {curve.y[0]:.3g} to {curve.y[-1]:.3g}" for curve in curves)
    log = is_log_scale_useful(*(curve.y for curve in curves))
    return _draw_twice(
        Chart(
            "Components of the loss",
            f"Each term before weighting, from the first episode to the last: {changes}.",
            Markup(""),
            tuple(Legend(curve.label, curve.color) for curve in curves),
        ),
        lambda name, size: draw(
            name,
            curves,
            quantity="term, logarithmic" if log else "term",
            size=size,
            log=log,
        ),
    )


def _make_component_curve(records: Sequence[EpisodeRecord], name: str, color: Color) -> Curve:
    records = [record for record in records if name in record.components]
    x, y = extract_series(records, lambda record: record.components[name])
    return Curve(name, x, y, color=color, smooth=True)


def _draw_gradient(records: Sequence[EpisodeRecord]) -> Chart:
    x, y = extract_series(records, lambda record: record.gradient_norm)
    clipped = sum(norm > GRADIENT_NORM_LIMIT for norm in y)
    log = is_log_scale_useful(y, [GRADIENT_NORM_LIMIT])
    svg = draw(
        "gradient",
        [Curve("norm", x, y, smooth=True)],
        quantity="norm, logarithmic" if log else "norm",
        levels=[Level("limit", GRADIENT_NORM_LIMIT)],
        log=log,
    )
    return Chart(
        "Norm of the gradient",
        f"Median {median(y):.3g}, largest {max(y):.3g}, before clipping; clipped to "
        f"{GRADIENT_NORM_LIMIT:g} in {clipped:,} of {format_count(len(y), 'episode')}.",
        Markup(svg),
        (Legend("norm", "a"), Legend("clipping limit", "ink", "level")),
    )


def _draw_learning_rate(run: Run) -> Chart:
    x, y = extract_series(run.records, lambda record: record.learning_rate)
    caption = f"Constant at {y[0]:.3g}; it would be halved if the loss stalled."
    if causes := list(_explain_learning_rate(run)):
        caption = f"From {y[0]:.3g} to {y[-1]:.3g}: {'; '.join(causes)}."
    svg = draw("rate", [Curve("rate", x, y, "c")], quantity="learning rate", from_zero=True)
    return Chart("Learning rate", caption, Markup(svg))


def _explain_learning_rate(run: Run) -> Iterator[str]:
    """Yield phrases for the changes to the rate, first the schedule's, then the user's."""
    settings = [change for change in run.config_changes if "learning_rate" in change.now]
    given = [change.episode for change in settings]
    halvings = sum(
        one.learning_rate != other.learning_rate
        and not any(one.episode < episode <= other.episode for episode in given)
        for one, other in pairwise(run.records)
    )
    if halvings:
        yield f"halved {format_count(halvings, 'time')}, when the loss stalled"
    for change in settings:
        before, now = change.before["learning_rate"], change.now["learning_rate"]
        yield f"set from {before} to {now} starting with episode {change.episode:,}"


def _draw_noise(records: Sequence[EpisodeRecord]) -> Chart:
    x, y = extract_series(records, lambda record: record.noise_rate)
    caption = f"From {y[0]:.3g} to {y[-1]:.3g}: the share of cells whose phase a step disturbs."
    curve = Curve("noise", x, y, "d")
    svg = draw("noise", [curve], quantity="share of the cells", from_zero=True)
    return Chart("Noise", caption, Markup(svg))


def _draw_twice(chart: Chart, drawing: Callable[[str, tuple[int, int]], str]) -> Chart:
    """Return the chart with two drawings, for a wide page and for a phone."""
    name = chart.title.split()[0].lower()
    broad, narrow = (Markup(drawing(f"{name}{size[0]}", size)) for size in (WIDE, SMALL))
    return Chart(chart.title, chart.caption, broad, chart.legend, narrow)
