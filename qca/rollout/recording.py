"""Record a rollout while it runs: the chosen fields and all measures, or the states."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qca.measures.choose_field import ChosenField
from qca.measures.over_time import MEASURES, measure_all
from qca.measures.palettes import make_palette, quantize
from qca.measures.state import FloatArray, State


@dataclass
class Recording:
    """Fields and measures of the added states, in order."""

    fields: Sequence[ChosenField]
    keeps_states: bool = False
    """Record the states themselves instead of fields and measures."""
    stride: int = 1
    """Record every `stride`-th cell along each axis; averaging would not work, as a mean of phases
    is not a phase."""
    steps: list[int] = field(default_factory=list[int])
    values: list[list[FloatArray]] = field(default_factory=list[list[FloatArray]])
    """The values of each field, (H, W), for each state."""
    measures: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    """The values of each measure by name, one number per state."""
    states: list[State] = field(default_factory=list[State])
    _previous: State | None = None

    def add(self, state: State) -> None:
        """Record the next state."""
        self.steps.append(state.step)
        if self.keeps_states:
            self.states.append(state)
            return
        values = [chosen.compute(state, self._previous) for chosen in self.fields]
        self.values.append([grid[:: self.stride, :: self.stride].copy() for grid in values])
        for name, value in measure_all(state, self._previous).items():
            self.measures.setdefault(name, []).append(value)
        self._previous = state

    def stack(self, number: int) -> FloatArray:
        """Return the field with this number for all states, (frames, H, W)."""
        return np.stack([values[number] for values in self.values])


@dataclass(frozen=True)
class DrawnField:
    """One field, drawn in every frame as palette indices with a common scale."""

    name: str
    unit: str
    is_categorical: bool
    lowest: float
    highest: float
    palette: NDArray[np.uint8]
    """Colors, (256, 3)."""
    frames: NDArray[np.uint8]
    """Palette indices, (frames, H, W)."""

    def paint(self, frame: int) -> NDArray[np.uint8]:
        """Return a frame in color, (H, W, 3)."""
        return self.palette[self.frames[frame]]


def draw_fields(recording: Recording) -> list[DrawnField]:
    """Return every field of a recording as palette indices."""
    return [
        draw_field(chosen, recording.stack(number))
        for number, chosen in enumerate(recording.fields)
    ]


def draw_field(chosen: ChosenField, values: FloatArray) -> DrawnField:
    """Map a field's values, (frames, H, W), to palette indices, with one scale for all frames."""
    lowest, highest = _find_range(chosen, values)
    scale = chosen.field.scale
    categories = int(highest) + 1 if scale == "categorical" else 1
    return DrawnField(
        name=chosen.name,
        unit=chosen.field.unit,
        is_categorical=scale == "categorical",
        lowest=lowest,
        highest=highest,
        palette=make_palette(scale, categories),
        frames=quantize(values, scale, lowest, highest),
    )


def _find_range(chosen: ChosenField, values: FloatArray) -> tuple[float, float]:
    """Return the ends of a field's scale: the fixed ends, or the extremes of the finite values."""
    finite = values[np.isfinite(values)]
    lowest, highest = chosen.field.lowest, chosen.field.highest
    if lowest is None:
        lowest = float(finite.min()) if finite.size else 0.0
    if highest is None:
        highest = float(finite.max()) if finite.size else lowest
    return float(lowest), float(highest)


def list_measure_units() -> dict[str, str]:
    """Return the unit of each measure by name."""
    return {measure.name: measure.unit for measure in MEASURES}
