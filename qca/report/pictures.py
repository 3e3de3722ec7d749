"""Draw the state as two small animations: density and phase of each cell."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from qca.measures.fields import Scale
from qca.measures.palettes import make_palette, quantize
from qca.runs.snapshots import Snapshots

# Maximum number of frames of an animation; a run folder has no more, and more would make a page
# large.
_MAX_FRAMES = 48
# Maximum number of cells per side; a screen cannot show more in one picture.
_MAX_CELLS = 128
# If each step normalizes the cells, rounding makes their total weights differ by less than this.
_CONSTANT_SPREAD = 1e-3
# Durations in milliseconds: the whole animation, limits for one frame, and the last frame.
_DURATION, _SHORTEST, _LONGEST, _PAUSE = 6000, 60, 500, 1500


@dataclass(frozen=True)
class Animation:
    """An animation with its last frame, as data URIs."""

    moving: str
    """An animated PNG."""
    still: str
    """The last frame, for readers who prefer reduced motion."""


@dataclass(frozen=True)
class Gallery:
    """Animations of one rollout, with one scale for all frames."""

    episode: int
    steps: Sequence[int]
    """The step of each frame."""
    component: int
    """The component whose phase is shown, counted from 0."""
    components: int
    of_component: bool
    """Whether the density shows only that component; true if all cells have the same total."""
    lowest: float
    highest: float
    density: Animation
    phase: Animation
    density_bar: str
    phase_bar: str


def draw_gallery(snapshots: Snapshots) -> Gallery | None:
    """Draw the states; return None if there are none."""
    steps = _select_steps(list(snapshots.states))
    if not steps:
        return None
    states = np.stack([_downsample(snapshots.states[step]) for step in steps])
    weights = np.abs(states) ** 2
    component = int(np.argmax(weights[-1].var(axis=(1, 2))))
    constant = bool((weights.sum(axis=1).std(axis=(1, 2)) < _CONSTANT_SPREAD).all())
    densities = weights[:, component] if constant else weights.sum(axis=1)
    lowest, highest = float(densities.min()), float(densities.max())
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None, None]
    return Gallery(
        episode=snapshots.episode,
        steps=steps,
        component=component,
        components=states.shape[1],
        of_component=constant,
        lowest=lowest,
        highest=highest,
        density=_animate(densities, "sequential", lowest, highest),
        phase=_animate(np.angle(states[:, component]), "cyclic", -np.pi, np.pi),
        density_bar=_animate(ramp, "sequential", 0, 1).still,
        phase_bar=_animate(ramp, "cyclic", 0, 1).still,
    )


def _select_steps(steps: list[int]) -> list[int]:
    """Return the first step, the last, and evenly spaced ones between them."""
    if len(steps) <= _MAX_FRAMES:
        return steps
    indices = np.linspace(0, len(steps) - 1, _MAX_FRAMES).round().astype(int)
    return [steps[index] for index in indices]


def _downsample(state: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Return every k-th cell of a large grid; averaging would not work, as a mean of phases is not
    a phase."""
    stride = -(-max(state.shape[1:]) // _MAX_CELLS)
    return state[:, ::stride, ::stride]


def _animate(
    values: NDArray[np.floating], scale: Scale, lowest: float, highest: float
) -> Animation:
    """Return frames, (T, H, W), with one pixel per cell; the page scales them without smoothing."""
    palette = make_palette(scale).tobytes()
    pictures = [Image.fromarray(places) for places in quantize(values, scale, lowest, highest)]
    for picture in pictures:
        picture.putpalette(palette)
    each = min(_LONGEST, max(_SHORTEST, _DURATION // len(pictures)))
    durations = [each] * (len(pictures) - 1) + [_PAUSE]
    still = _encode(pictures[-1:], durations[-1:])
    return Animation(_encode(pictures, durations) if len(pictures) > 1 else still, still)


def _encode(pictures: list[Image.Image], durations: list[int]) -> str:
    """Return pictures as a PNG in a data URI, animated if there are several."""
    out = io.BytesIO()
    first, *rest = pictures
    if rest:
        first.save(out, format="PNG", save_all=True, append_images=rest, duration=durations, loop=0)
    else:
        first.save(out, format="PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
