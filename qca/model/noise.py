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
    """The noise of one episode: a state before a step is multiplied with its `factor`.

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
        factor = self.factor(psi, step)
        return psi if factor is None else psi * factor

    def factor(self, psi: Tensor, step: int) -> Tensor | None:
        """Return what a state like psi is multiplied with before step `step`; None for no noise."""
        if self.rate < _SMALLEST_RATE:
            return None
        shape = (psi.shape[1], psi.shape[2], psi.shape[3])
        drawn = np.stack([self._factor(sample, step, shape) for sample in self.samples])
        factor = torch.from_numpy(drawn)
        if psi.device.type == "cuda":
            # From pinned memory the copy waits for nothing: the host draws the next step's
            # noise while the device still works.
            return factor.pin_memory().to(psi.device, non_blocking=True)
        return factor

    def _factor(self, sample: int, step: int, shape: tuple[int, int, int]) -> np.ndarray:
        """Return what one sample's state is multiplied with: unit complex (d_state, H, W)."""
        draw = stream(self.seed, Purpose.NOISE, sample, step)
        factor = np.ones(shape, dtype=np.complex64)
        hit = draw.random(shape[1:]) < self.rate
        factor[:, hit] = np.exp(2j * np.pi * draw.random((shape[0], int(hit.sum()))))
        if draw.random() < _FLIP_PROBABILITY:
            factor[:, draw.random(shape[1:]) < _FLIP_SHARE * self.rate] *= -1
        return factor
