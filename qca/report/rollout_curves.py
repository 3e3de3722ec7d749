"""Draw the measures over the sample rollout."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from markupsafe import Markup

from qca.measures.over_time import MEASURES, measure_series
from qca.measures.state import State
from qca.report.charts import SERIES, Curve, draw
from qca.report.curves import Chart
from qca.runs.snapshots import Snapshots

# The error of the norm stays below this if each step restores the norm.
_ROUNDING = 1e-5


Series = Mapping[str, Sequence[float]]
"""For each measure, by name, one number per state; `step` has the steps of the states."""


def draw_measures(snapshots: Snapshots) -> Iterator[Chart]:
    """Yield a chart for each measure that is known at two or more steps."""
    series = measure_series(list_states(snapshots))
    for number, measure in enumerate(MEASURES):
        if not is_shown(measure.name, snapshots, series):
            continue
        x, y = zip(*select_known(series, measure.name), strict=True)
        unit = f" {measure.unit}" if measure.unit else ""
        curve = Curve(measure.name, x, y, SERIES[number % len(SERIES)])
        quantity = measure.unit or "norm"
        svg = draw(f"rollout-{measure.name}", [curve], quantity=quantity, axis="step")
        yield Chart(
            measure.name.replace("_", " ").capitalize(),
            f"From {y[0]:.3g} to {y[-1]:.3g}{unit}, between {min(y):.3g} and {max(y):.3g}.",
            Markup(svg),
        )


def is_shown(name: str, snapshots: Snapshots, series: Series) -> bool:
    """Return whether a measure is known at two or more steps and exceeds rounding errors."""
    if name == "energy" and not snapshots.energies:
        return False  # the stored states are renormalized, so the measure is lost
    values = [value for _, value in select_known(series, name)]
    return len(values) >= 2 and not (name == "norm_error" and max(values) < _ROUNDING)


def select_known(series: Series, name: str) -> list[tuple[float, float]]:
    """Return the steps at which a measure is known, each with its value."""
    pairs = zip(series["step"], series[name], strict=True)
    return [(float(step), value) for step, value in pairs if math.isfinite(value)]


def list_states(snapshots: Snapshots) -> Iterator[State]:
    """Yield the states, with their energies if the file has them."""
    for step, psi in snapshots.states.items():
        state = State.from_psi(step, psi)
        energy = snapshots.energies.get(step)
        if energy is not None:
            state = State(step, psi, np.full(psi.shape[1:], energy, np.float32))
        yield state
