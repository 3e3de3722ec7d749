"""The state at several steps, as small pictures: density and phase of each cell."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.image import imsave
from numpy.typing import NDArray

from qca.runs.snapshots import Snapshots

DENSITY_COLORMAP = "magma"
PHASE_COLORMAP = "twilight"  # its ends meet, as a phase's do

# A row of eight fits the page; more would be too small.
_MAX_FRAMES = 8
# Cells a side; a screen shows no more of one picture.
_MAX_CELLS = 128
# Where each step restores the cells' total weights, they spread less than this, by rounding.
_CONSTANT_SPREAD = 1e-3


@dataclass(frozen=True)
class Frame:
    """The state after `step` steps; the pictures are data URIs."""

    step: int
    density: str
    phase: str


@dataclass(frozen=True)
class Gallery:
    """Pictures of one evolution, with one scale for all of them."""

    episode: int
    component: int
    """The component whose phase is shown, counted from 1."""
    components: int
    of_component: bool
    """Whether the density is that component's too, since every cell's total is the same."""
    lowest: float
    highest: float
    frames: tuple[Frame, ...]
    density_bar: str
    phase_bar: str


def draw_gallery(snapshots: Snapshots) -> Gallery | None:
    """Draw the states; None if there are none."""
    steps = _select_steps(list(snapshots.states))
    if not steps:
        return None
    states = {step: _downsample(snapshots.states[step]) for step in steps}
    weights = {step: np.abs(state) ** 2 for step, state in states.items()}
    last = weights[steps[-1]]
    component = int(np.argmax(last.var(axis=(1, 2))))
    constant = all(weight.sum(axis=0).std() < _CONSTANT_SPREAD for weight in weights.values())
    densities = {
        step: weight[component] if constant else weight.sum(axis=0)
        for step, weight in weights.items()
    }
    phases = {step: np.angle(state[component]) for step, state in states.items()}
    lowest = float(min(weight.min() for weight in densities.values()))
    highest = float(max(weight.max() for weight in densities.values()))
    return Gallery(
        episode=snapshots.episode,
        component=component + 1,
        components=last.shape[0],
        of_component=constant,
        lowest=lowest,
        highest=highest,
        frames=tuple(
            Frame(
                step=step,
                density=_render_picture(densities[step], DENSITY_COLORMAP, lowest, highest),
                phase=_render_picture(phases[step], PHASE_COLORMAP, -np.pi, np.pi),
            )
            for step in steps
        ),
        density_bar=_render_picture(np.linspace(0, 1, 256)[None, :], DENSITY_COLORMAP, 0, 1),
        phase_bar=_render_picture(np.linspace(0, 1, 256)[None, :], PHASE_COLORMAP, 0, 1),
    )


def _select_steps(steps: list[int]) -> list[int]:
    """Return the first step, the last, and some at even distances between them."""
    if len(steps) <= _MAX_FRAMES:
        return steps
    indices = np.linspace(0, len(steps) - 1, _MAX_FRAMES).round().astype(int)
    return [steps[index] for index in indices]


def _downsample(state: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Return every k-th cell of a large grid; a mean of phases is not a phase."""
    stride = -(-max(state.shape[1:]) // _MAX_CELLS)
    return state[:, ::stride, ::stride]


def _render_picture(values: NDArray, colormap: str, lowest: float, highest: float) -> str:
    """Return a PNG with one pixel a cell, as data URI; the page scales it without smoothing."""
    out = io.BytesIO()
    span = highest if highest > lowest else lowest + 1
    imsave(out, values, cmap=colormaps[colormap], vmin=lowest, vmax=span, format="png")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
