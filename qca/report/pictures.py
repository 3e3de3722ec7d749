"""The state at several moments, as small pictures: density and phase of each cell."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.image import imsave
from numpy.typing import NDArray

from qca.runs.snapshots import Snapshots

DENSITY_COLOURS = "magma"
PHASE_COLOURS = "twilight"  # its ends meet, as a phase's do

# A row of eight fits the page; more would be too small to see anything.
_MOST_MOMENTS = 8
# Cells a side; more than the screen shows of one picture.
_MOST_CELLS = 128
# A cell's total weight spreads less than this where each step restores it, rounding included.
_CONSTANT = 1e-3


@dataclass(frozen=True)
class Moment:
    """The state after so many steps; the pictures are data URIs."""

    step: int
    density: str
    phase: str


@dataclass(frozen=True)
class Gallery:
    """Pictures of one evolution, with one scale for all of them."""

    episode: int
    component: int
    """Of which component the phase is, counted from 1."""
    components: int
    of_component: bool
    """Whether the density is the component's too: every cell's total is the same."""
    lowest: float
    highest: float
    moments: tuple[Moment, ...]
    density_bar: str
    phase_bar: str


def gallery(snapshots: Snapshots) -> Gallery | None:
    """Draw the states; None where there is not one."""
    moments = _chosen(list(snapshots.states))
    if not moments:
        return None
    states = {moment: _shrunk(snapshots.states[moment]) for moment in moments}
    weights = {moment: np.abs(state) ** 2 for moment, state in states.items()}
    last = weights[moments[-1]]
    component = int(np.argmax(last.var(axis=(1, 2))))
    constant = all(weight.sum(axis=0).std() < _CONSTANT for weight in weights.values())
    shown = {
        moment: weight[component] if constant else weight.sum(axis=0)
        for moment, weight in weights.items()
    }
    lowest = float(min(weight.min() for weight in shown.values()))
    highest = float(max(weight.max() for weight in shown.values()))
    return Gallery(
        episode=snapshots.episode,
        component=component + 1,
        components=last.shape[0],
        of_component=constant,
        lowest=lowest,
        highest=highest,
        moments=tuple(
            Moment(
                step=moment,
                density=_picture(shown[moment], DENSITY_COLOURS, lowest, highest),
                phase=_picture(np.angle(states[moment][component]), PHASE_COLOURS, -np.pi, np.pi),
            )
            for moment in moments
        ),
        density_bar=_picture(np.linspace(0, 1, 256)[None, :], DENSITY_COLOURS, 0, 1),
        phase_bar=_picture(np.linspace(0, 1, 256)[None, :], PHASE_COLOURS, 0, 1),
    )


def _chosen(moments: list[int]) -> list[int]:
    """Return the first, the last, and some evenly between them."""
    if len(moments) <= _MOST_MOMENTS:
        return moments
    places = np.linspace(0, len(moments) - 1, _MOST_MOMENTS).round().astype(int)
    return [moments[place] for place in places]


def _shrunk(state: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Return every k-th cell of a large grid: a mean of phases would be none."""
    stride = -(-max(state.shape[1:]) // _MOST_CELLS)
    return state[:, ::stride, ::stride]


def _picture(values: NDArray, colours: str, lowest: float, highest: float) -> str:
    """Return a PNG, a pixel a cell, as data URI; the page scales it without smoothing."""
    out = io.BytesIO()
    span = highest if highest > lowest else lowest + 1
    imsave(out, values, cmap=colormaps[colours], vmin=lowest, vmax=span, format="png")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
