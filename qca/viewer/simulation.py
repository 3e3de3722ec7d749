"""Step, perturb and draw the automaton of one page."""

import struct
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qca.automaton.automaton import Automaton
from qca.automaton.stepper import make_stepper
from qca.core.errors import InputError
from qca.measures.choose_field import ChosenField, choose_field
from qca.measures.over_time import MEASURES, measure_all
from qca.measures.palettes import quantize
from qca.measures.state import ComplexArray, FloatArray, State
from qca.model.evolution import Step, compute_squared_norm

MAX_RADIUS = 32
"""The largest radius of a perturbation, in cells."""

_HEADER = struct.Struct("<IHHff")  # step, rows, columns, the ends of the scale


@dataclass(frozen=True)
class Frame:
    """One picture of the automaton."""

    step: int
    lowest: float
    highest: float
    measures: tuple[float, ...]
    """The measures, in the order of `MEASURES`; NaN if unknown."""
    places: NDArray[np.uint8]
    """Indices in the field's palette, (H, W)."""

    def encode(self) -> bytes:
        """Return little-endian bytes: the header, the measures as float32, one byte per cell."""
        rows, columns = self.places.shape
        header = _HEADER.pack(self.step, rows, columns, self.lowest, self.highest)
        measures = np.array(self.measures, "<f4").tobytes()
        return header + measures + np.ascontiguousarray(self.places).tobytes()


class Simulation:
    """An automaton with its state, the field to show, and a scale that widens when needed."""

    def __init__(self, automaton: Automaton, *, grid: int | None = None) -> None:
        self._automaton = automaton
        self._grid = grid
        self._field = choose_field("density:0", automaton.config.d_state)
        self.reset(automaton.config.seed, "random")

    def reset(self, seed: int, start: str) -> None:
        """Restart from an initial state.

        Raises:
            InputError: there is no such initial state.

        """
        psi = self._automaton.make_start(start, grid=self._grid, seed=seed)
        self._random = np.random.default_rng(seed)
        self._step = 0
        self._psi = torch.as_tensor(psi).unsqueeze(0).to(self._automaton.device)
        self._squared_norm: Tensor = compute_squared_norm(self._psi).squeeze(1)
        self._stepper = make_stepper(self._automaton.evolution, self._psi)
        self._before: State | None = None
        self._forget_scale()

    def advance(self, steps: int) -> None:
        """Run a number of steps."""
        for number in range(steps):
            if number == steps - 1:
                self._before = self._read_state()
            step: Step = self._stepper(self._psi)
            self._psi, self._squared_norm = step.psi, step.squared_norm
            self._step += 1

    def choose(self, name: str) -> None:
        """Show another field.

        Raises:
            InputError: there is no such field.

        """
        self._field = choose_field(name, self._automaton.config.d_state)
        self._forget_scale()

    def perturb(self, row: int, column: int, radius: int) -> None:
        """Replace the cells within `radius` of a cell with new random ones.

        Raises:
            InputError: the cell is outside the grid, or the radius is not from 0 to 32.

        """
        rows, columns = self._psi.shape[2:]
        if not (0 <= row < rows and 0 <= column < columns and 0 <= radius <= MAX_RADIUS):
            raise InputError(
                f"cannot perturb the cells within {radius} of ({row}, {column})",
                hint=f"The grid has {rows}x{columns} cells; the radius must be 0 to {MAX_RADIUS}.",
            )
        down, across = np.ogrid[:rows, :columns]
        hit = (down - row) ** 2 + (across - column) ** 2 <= radius**2
        drawn = self._draw_cells(int(hit.sum()))
        psi = self._psi[0].cpu().numpy().copy()
        psi[:, hit] = drawn
        self._psi = torch.as_tensor(psi).unsqueeze(0).to(self._automaton.device)
        self._squared_norm = compute_squared_norm(self._psi).squeeze(1)

    def draw(self) -> Frame:
        """Return the current frame."""
        state = self._read_state()
        values = self._field.compute(state, self._before)
        self._widen_scale(values)
        scale = self._field.field.scale
        measures = measure_all(state, self._before)
        return Frame(
            step=self._step,
            lowest=self._lowest,
            highest=self._highest,
            measures=tuple(measures[measure.name] for measure in MEASURES),
            places=quantize(values, scale, self._lowest, self._highest),
        )

    @property
    def field(self) -> ChosenField:
        """The field to show."""
        return self._field

    def _read_state(self) -> State:
        psi = self._psi[0].cpu().numpy()
        return State(self._step, psi, self._squared_norm[0].cpu().numpy())

    def _draw_cells(self, count: int) -> ComplexArray:
        parts = self._random.standard_normal((2, self._automaton.config.d_state, count))
        cells = parts[0] + 1j * parts[1]
        return (cells / np.linalg.norm(cells, axis=0)).astype(np.complex64)

    def _forget_scale(self) -> None:
        field = self._field.field
        self._lowest = np.inf if field.lowest is None else field.lowest
        self._highest = -np.inf if field.highest is None else field.highest

    def _widen_scale(self, values: FloatArray) -> None:
        """Widen the scale to the values; a scale that followed each frame would flicker."""
        finite = values[np.isfinite(values)]
        if not finite.size:
            finite = np.zeros(1, np.float32)
        if self._field.field.lowest is None:
            self._lowest = min(self._lowest, float(finite.min()))
        if self._field.field.highest is None:
            self._highest = max(self._highest, float(finite.max()))
