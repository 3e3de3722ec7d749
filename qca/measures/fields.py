"""Fields: one real number per cell of a state, float32 (H, W).

Each function takes a state, the previously shown one (None at the start) and a component of the
cells, counted from 0; most need only the state. p_c is |psi_c|^2 / |psi|^2, the probability of
component c in a cell. The grid does not wrap around, so cells at its edge have fewer neighbors.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from qca.measures.state import ComplexArray, FloatArray, State, compute_squared_magnitude

Scale = Literal["sequential", "cyclic", "categorical"]
_SMALLEST = np.float32(1e-12)  # least |psi|^2 to divide by, for damped cells


@dataclass(frozen=True)
class Field:
    """A named field with its color scale."""

    name: str
    unit: str
    compute: Callable[[State, State | None, int], FloatArray]
    scale: Scale = "sequential"
    """Cyclic if both ends mean the same value; categorical if the values are component numbers."""
    lowest: float | None = 0.0
    """The lower end of the scale; None means the lowest value shown."""
    highest: float | None = None
    """The upper end of the scale; None means the highest value shown."""
    has_component: bool = False
    """Whether the field shows one component, as in `density:2`."""


def compute_density(state: State, previous: State | None = None, component: int = 0) -> FloatArray:
    """Return |psi_c|^2: the probability of component c if cells are normalized."""
    return compute_squared_magnitude(state.psi[component])


def compute_phase(state: State, previous: State | None = None, component: int = 0) -> FloatArray:
    """Return arg psi_c in radians, -pi to pi."""
    return np.angle(state.psi[component])


def find_dominant(state: State, previous: State | None = None, component: int = 0) -> FloatArray:
    """Return the component with the largest |psi_c|^2, counted from 0."""
    return compute_squared_magnitude(state.psi).argmax(axis=0).astype(np.float32)


def compute_entropy(state: State, previous: State | None = None, component: int = 0) -> FloatArray:
    """Return -sum_c p_c log2 p_c in bits: 0 for a single component, log2 d_state for equal p_c."""
    probability = _compute_probabilities(state.psi)
    return -(probability * np.log2(np.maximum(probability, _SMALLEST))).sum(axis=0)


def compute_coherence(
    state: State, previous: State | None = None, component: int = 0
) -> FloatArray:
    """Return the mean |<psi, psi'>| / (|psi| |psi'|) over the four neighbors psi'; 0 to 1."""
    direction = state.psi / np.sqrt(np.maximum(_compute_squared_norm(state.psi), _SMALLEST))
    total = np.zeros(direction.shape[1:], np.float32)
    count = np.zeros_like(total)
    for here, there in _NEIGHBORS:
        overlap = np.abs((direction[here].conj() * direction[there]).sum(axis=0))
        for cells in (here[1:], there[1:]):
            total[cells] += overlap
            count[cells] += 1
    return total / np.maximum(count, 1)


def compute_change(state: State, previous: State | None = None, component: int = 0) -> FloatArray:
    """Return |psi - psi_previous| divided by the steps between the two; 0 at the start.

    For states that are several steps apart this is the mean velocity, not the length of the path.
    """
    if previous is None or previous.step == state.step:
        return np.zeros(state.psi.shape[1:], np.float32)
    difference = state.psi - previous.psi
    return np.sqrt(_compute_squared_norm(difference)) / np.float32(abs(state.step - previous.step))


def compute_asymmetry(
    state: State, previous: State | None = None, component: int = 0
) -> FloatArray:
    """Return the mean over components of (|psi_c| - |psi_c after a quarter turn|)^2.

    It is 0 if the grid looks the same from all four sides; its mean is the loss term `symmetry`.
    Return NaN for a grid that is not square.
    """
    magnitude = np.abs(state.psi)
    if magnitude.shape[1] != magnitude.shape[2]:
        return np.full(magnitude.shape[1:], np.nan, np.float32)
    return np.square(magnitude - np.rot90(magnitude, axes=(1, 2))).mean(axis=0)


BUILT_IN: tuple[Field, ...] = (
    Field("density", "probability", compute_density, has_component=True),
    Field(
        "phase",
        "rad",
        compute_phase,
        scale="cyclic",
        lowest=-np.pi,
        highest=np.pi,
        has_component=True,
    ),
    Field("dominant", "component", find_dominant, scale="categorical"),
    Field("entropy", "bit", compute_entropy),
    Field("coherence", "overlap", compute_coherence, highest=1.0),
    Field("change", "norm per step", compute_change),
    Field("asymmetry", "mean square", compute_asymmetry),
)

_Cells = tuple[slice, slice, slice]
_ALL, _FIRST, _LAST = slice(None), slice(None, -1), slice(1, None)
# Each pair of neighbors once: vertical pairs, then horizontal pairs.
_NEIGHBORS: tuple[tuple[_Cells, _Cells], ...] = (
    ((_ALL, _FIRST, _ALL), (_ALL, _LAST, _ALL)),
    ((_ALL, _ALL, _FIRST), (_ALL, _ALL, _LAST)),
)


def _compute_squared_norm(psi: ComplexArray) -> FloatArray:
    return compute_squared_magnitude(psi).sum(axis=0)


def _compute_probabilities(psi: ComplexArray) -> FloatArray:
    squared = compute_squared_magnitude(psi)
    return squared / np.maximum(squared.sum(axis=0), _SMALLEST)
