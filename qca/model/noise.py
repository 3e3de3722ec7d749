"""Noise: random phases and sign flips of cells, which keep every norm.

Drawn from (seed, global sample index, step): a step that is computed again for its
gradient meets the same noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from qca.model.seeds import Purpose, stream

CURRICULUM_EPISODES = 2000  # the rate grows linearly over so many episodes
_SMALLEST_RATE = 0.001  # below it no noise is applied
_FLIP_PROBABILITY = 0.2  # of a step to flip any cells at all
_FLIP_SHARE = 0.1  # a cell is flipped with this share of the rate


def noise_rate(max_noise: float, episodes_done: int) -> float:
    """Return the rate for the next episode: from 0, growing to `max_noise`, then constant."""
    return max_noise * min(1.0, episodes_done / CURRICULUM_EPISODES)


@dataclass(frozen=True)
class Noise:
    """The noise of one episode: call it with a state and the step that is about to be made.

    Phase flip: each cell, with probability `rate`, gets an independent random phase per
    component. Bit flip: with probability 0.2 a step also negates each cell with
    probability 0.1 * rate.
    """

    seed: int
    samples: Sequence[int]
    """Global indices of the batch's samples."""
    rate: float

    def __call__(self, psi: Tensor, step: int) -> Tensor:
        """Return psi, complex (B, d_state, H, W), disturbed as it is before step `step`."""
        if self.rate < _SMALLEST_RATE:
            return psi
        shape = (psi.shape[1], psi.shape[2], psi.shape[3])
        factors = np.stack([self._factor(sample, step, shape) for sample in self.samples])
        return psi * torch.from_numpy(factors).to(psi.device)

    def _factor(self, sample: int, step: int, shape: tuple[int, int, int]) -> np.ndarray:
        """Return what one sample's state is multiplied with: unit complex (d_state, H, W)."""
        draw = stream(self.seed, Purpose.NOISE, sample, step)
        factor = np.ones(shape, dtype=np.complex64)
        hit = draw.random(shape[1:]) < self.rate
        factor[:, hit] = np.exp(2j * np.pi * draw.random((shape[0], int(hit.sum()))))
        if draw.random() < _FLIP_PROBABILITY:
            factor[:, draw.random(shape[1:]) < _FLIP_SHARE * self.rate] *= -1
        return factor
