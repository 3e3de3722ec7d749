"""Measures: one real number per state, plotted over the steps.

Each function takes a state and the previously measured one (None at the start).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from qca.measures.fields import (
    compute_asymmetry,
    compute_change,
    compute_coherence,
    compute_entropy,
)
from qca.measures.state import State, compute_squared_magnitude


@dataclass(frozen=True)
class Measure:
    """A named measure."""

    name: str
    unit: str
    compute: Callable[[State, State | None], float]


def measure_energy(state: State, previous: State | None = None) -> float:
    """Return the mean of the cells' |psi|^2 before renormalization or after damping.

    An initial state of normalized cells has energy 1, so this is the trainer's "energy left".
    """
    return float(state.squared_norm.mean(dtype=np.float64))


def measure_norm_error(state: State, previous: State | None = None) -> float:
    """Return the mean over cells of | |psi|^2 - 1 |: rounding errors, or the loss to damping."""
    return float(
        np.abs(compute_squared_magnitude(state.psi).sum(axis=0) - 1).mean(dtype=np.float64)
    )


def measure_entropy(state: State, previous: State | None = None) -> float:
    """Return the mean entropy of a cell in bits (see `fields.compute_entropy`)."""
    return float(compute_entropy(state).mean(dtype=np.float64))


def measure_activity(state: State, previous: State | None = None) -> float:
    """Return the mean norm of a cell's change per step (see `fields.compute_change`).

    Return NaN at the start, which has no previous state.
    """
    if previous is None:
        return float("nan")
    return float(compute_change(state, previous).mean(dtype=np.float64))


def measure_coherence(state: State, previous: State | None = None) -> float:
    """Return the mean overlap of neighboring cells, 0 to 1 (see `fields.compute_coherence`)."""
    return float(compute_coherence(state).mean(dtype=np.float64))


def measure_asymmetry(state: State, previous: State | None = None) -> float:
    """Return the mean asymmetry of a cell (see `fields.compute_asymmetry`)."""
    return float(compute_asymmetry(state).mean(dtype=np.float64))


def measure_frequency(state: State, previous: State | None = None) -> float:
    """Return the mean spatial frequency of the densities in cycles per cell.

    It is sum |k| P(k) / sum P(k), where P is the power spectrum of |psi_c|^2 without its mean,
    summed over components. The result is 0 for a uniform grid, 0.5 for a pattern that
    alternates from cell to cell along one axis, and 0.38 for white noise.
    """
    density = compute_squared_magnitude(state.psi).astype(np.float64)
    density -= density.mean(axis=(1, 2), keepdims=True)
    power = np.square(np.abs(np.fft.fft2(density))).sum(axis=0)
    rows, columns = (np.fft.fftfreq(cells) for cells in density.shape[1:])
    total = float(power.sum())
    if total <= _FLAT * density.size:
        return 0.0
    return float((power * np.hypot(rows[:, None], columns[None, :])).sum() / total)


MEASURES: tuple[Measure, ...] = (
    Measure("energy", "of the start", measure_energy),
    Measure("norm_error", "", measure_norm_error),
    Measure("entropy", "bit", measure_entropy),
    Measure("activity", "norm per step", measure_activity),
    Measure("coherence", "overlap", measure_coherence),
    Measure("asymmetry", "mean square", measure_asymmetry),
    Measure("frequency", "cycles per cell", measure_frequency),
)

# Below this power per density value, the densities are equal except for rounding errors.
_FLAT = 1e-12


def measure_all(state: State, previous: State | None = None) -> dict[str, float]:
    """Return every measure of a state by name."""
    return {measure.name: measure.compute(state, previous) for measure in MEASURES}


def measure_series(states: Iterable[State]) -> dict[str, list[float]]:
    """Return every measure of a sequence of states by name, and their steps under `step`."""
    series: dict[str, list[float]] = {"step": [], **{measure.name: [] for measure in MEASURES}}
    previous: State | None = None
    for state in states:
        series["step"].append(state.step)
        for name, value in measure_all(state, previous).items():
            series[name].append(value)
        previous = state
    return series
