"""Draw the initial state of an episode."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from qca.model.evolution import compute_norm
from qca.model.random_streams import Purpose, make_generator


def draw_initial_state(
    seed: int,
    samples: Sequence[int],
    *,
    d_state: int,
    grid: int,
    purpose: Purpose = Purpose.STATE,
) -> Tensor:
    """Return random cells of norm 1, complex64 (B, d_state, grid, grid), on the CPU.

    Before the normalization their components have a complex normal distribution. `samples` are the
    global indices of the batch's samples. For a given `seed`, sample i is the same state in any
    batch.
    """
    shape = (2, d_state, grid, grid)
    parts = [
        make_generator(seed, purpose, sample).standard_normal(shape, dtype=np.float32)
        for sample in samples
    ]
    real, imaginary = torch.as_tensor(np.stack(parts)).unbind(dim=1)
    psi = torch.complex(real, imaginary)
    return psi / compute_norm(psi)
