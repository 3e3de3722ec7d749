"""Render a page that compares several runs and overlays their curves."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from markupsafe import Markup

from qca.core.distribution import read_version
from qca.core.errors import InputError
from qca.measures.over_time import MEASURES, measure_series
from qca.report.charts import SERIES, SMALL, WIDE, Curve, draw, is_log_scale_useful
from qca.report.curves import Chart, Legend
from qca.report.rollout_curves import is_shown, list_states, select_known
from qca.report.template import build_environment, read_asset
from qca.runs.run import Run

MAX_RUNS = len(SERIES)
"""The number of distinguishable colors."""

# Keys of the configuration that do not change what a run computes.
_NOT_COMPARED = frozenset({"run", "profile", "budget", "checkpoint_every", "keep_checkpoints"})


@dataclass(frozen=True)
class Difference:
    """A key of the configuration with different values, one per run."""

    key: str
    values: Sequence[object]


def render_comparison(runs: Sequence[Run], now: datetime) -> str:
    """Return the page as HTML; the same input gives the same bytes.

    Raises:
        InputError: there are more runs than colors.

    """
    if len(runs) > MAX_RUNS:
        raise InputError(
            f"cannot compare {len(runs)} runs; the limit is {MAX_RUNS}",
            hint="Compare fewer runs at a time.",
        )
    runs = list(_number_namesakes(runs))
    template = build_environment(str).get_template("comparison.html.j2")
    return template.render(
        runs=runs,
        colors=SERIES,
        now=now,
        version=read_version(),
        css=Markup(read_asset("page.css")),
        learning=list(draw_overlays(runs)),
        measures=list(draw_measure_overlays(runs)),
        differences=list_differences(runs),
    )


def _number_namesakes(runs: Sequence[Run]) -> Iterator[Run]:
    """Yield the runs with unique names: `first`, `first (2)`."""
    seen: Counter[str] = Counter()
    for run in runs:
        seen[run.name] += 1
        count = seen[run.name]
        yield run if count == 1 else replace(run, name=f"{run.name} ({count})")


def list_differences(runs: Sequence[Run]) -> list[Difference]:
    """Return the keys in which the runs' configurations differ."""
    settings = [asdict(run.config) for run in runs]
    return [
        Difference(key, [values[key] for values in settings])
        for key in settings[0]
        if key not in _NOT_COMPARED and len({str(values[key]) for values in settings}) > 1
    ]


def draw_overlays(runs: Sequence[Run]) -> Iterator[Chart]:
    """Yield charts of the loss and each of its terms, with the episodes of all runs."""
    recorded = [run for run in runs if run.records]
    yield from _draw_chart(
        "Loss",
        runs,
        {
            run.name: [(float(record.episode), record.loss) for record in run.records]
            for run in recorded
        },
        is_wide=True,
    )
    names = dict.fromkeys(name for run in recorded for name in run.records[-1].components)
    for name in names:
        points = {
            run.name: [
                (float(record.episode), record.components[name])
                for record in run.records
                if name in record.components
            ]
            for run in recorded
        }
        yield from _draw_chart(name.replace("_", " ").capitalize(), runs, points)


def draw_measure_overlays(runs: Sequence[Run]) -> Iterator[Chart]:
    """Yield a chart of each measure, with the sample rollouts of all runs that have one."""
    sampled = {run.name: run.snapshots for run in runs if run.snapshots}
    series = {name: measure_series(list_states(found)) for name, found in sampled.items()}
    for measure in MEASURES:
        points = {
            name: select_known(series[name], measure.name)
            for name, snapshots in sampled.items()
            if is_shown(measure.name, snapshots, series[name])
        }
        title = measure.name.replace("_", " ").capitalize()
        yield from _draw_chart(title, runs, points, axis="step", unit=measure.unit)


def _draw_chart(
    title: str,
    runs: Sequence[Run],
    points: dict[str, list[tuple[float, float]]],
    *,
    axis: str = "episode",
    unit: str = "",
    is_wide: bool = False,
) -> Iterator[Chart]:
    """Yield one chart, or none if no run has points."""
    colors = dict(zip((run.name for run in runs), SERIES, strict=False))
    curves = [
        Curve(name, [x for x, _ in pairs], [y for _, y in pairs], colors[name])
        for name, pairs in points.items()
        if pairs
    ]
    if not curves:
        return
    log = is_log_scale_useful(*(curve.y for curve in curves))
    quantity = (unit or title.lower()) + (", logarithmic" if log else "")
    name = f"{axis}-{title.lower().replace(' ', '-')}"
    caption = "; ".join(f"{curve.label} {curve.y[0]:.3g} to {curve.y[-1]:.3g}" for curve in curves)

    def draw_at(size: tuple[int, int]) -> Markup:
        svg = draw(f"{name}{size[0]}", curves, quantity=quantity, axis=axis, size=size, log=log)
        return Markup(svg)

    yield Chart(
        title,
        f"From the first {axis} to the last: {caption}.",
        draw_at(WIDE if is_wide else SMALL),
        tuple(Legend(curve.label, curve.color) for curve in curves),
        draw_at(SMALL) if is_wide else None,
    )
