"""Noise: random phases and sign flips of cells, which preserve every norm.

It depends only on (seed, global sample index, step), so a step that is recomputed for its gradient
gets the same noise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qca.core.noise_schedule import has_noise
from qca.model.random_streams import Purpose, make_generator

_FLIP_PROBABILITY = 0.2  # probability that a step flips any cells at all
_FLIP_SHARE = 0.1  # probability that such a step flips a given cell, divided by the rate

DrawFactor = Callable[[Tensor, int], Tensor | None]
"""A function that returns the noise of step t: a factor by which to multiply the state before the
step, or None for no noise. It returns the same factor on each call. `Noise.draw_factor` is such a
function."""


@dataclass(frozen=True)
class Noise:
    """The noise of one episode: before each step, the state is multiplied by a random factor.

    Phase flip: with probability `rate`, a cell gets an independent random phase per component. Bit
    flip: with probability 0.2, a step also negates each cell with probability 0.1 * rate.
    """

    seed: int
    samples: Sequence[int]
    """Global indices of the batch's samples."""
    rate: float

    def draw_factor(self, psi: Tensor, step: int) -> Tensor | None:
        """Return the factor for a state before step `step`, shaped like psi; None without noise.

        Args:
            psi: a state, complex (B, d_state, H, W); only its shape and device matter.
            step: number of steps before this one.

        """
        if not has_noise(self.rate):
            return None
        shape = (len(self.samples), *psi.shape[1:])
        if psi.device.type != "cuda":
            drawn = np.empty(shape, dtype=np.complex64)
            self._fill(drawn, step)
            return torch.as_tensor(drawn)
        # A copy from pinned memory is asynchronous: the host draws the next step's noise while the
        # device is still busy. Fill that memory in place: torch would copy into it with all its
        # threads, which takes longer than drawing the noise.
        factor = torch.empty(shape, dtype=torch.complex64, pin_memory=True)
        self._fill(factor.numpy(), step)
        return factor.to(psi.device, non_blocking=True)

    def _fill(self, factor: NDArray[np.complex64], step: int) -> None:
        """Fill `factor`, (B, d_state, H, W), with unit numbers."""
        for sample, row in zip(self.samples, factor, strict=True):
            self._fill_sample(row, sample, step)

    def _fill_sample(self, factor: NDArray[np.complex64], sample: int, step: int) -> None:
        """Fill `factor`, (d_state, H, W), with one sample's unit numbers."""
        draw = make_generator(self.seed, Purpose.NOISE, sample, step)
        factor[:] = 1
        hit = np.flatnonzero(draw.random(factor.shape[1:]) < self.rate)
        cells = factor.reshape(len(factor), -1)  # a view, since `factor` is contiguous
        cells[:, hit] = np.exp(2j * np.pi * draw.random((len(factor), len(hit))))
        if draw.random() < _FLIP_PROBABILITY:
            cells[:, np.flatnonzero(draw.random(factor.shape[1:]) < _FLIP_SHARE * self.rate)] *= -1
