"""The state that an episode starts from."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from qca.model.random_streams import Purpose, make_generator


def draw_initial_state(
    seed: int,
    samples: Sequence[int],
    *,
    d_state: int,
    grid: int,
    purpose: Purpose = Purpose.STATE,
) -> Tensor:
    """Return complex normal cells, each normalised: complex64 (B, d_state, grid, grid), on the CPU.

    `samples` are the global indices of the batch's samples; sample i of run `seed` is the
    same state whichever batch it is in.
    """
    shape = (2, d_state, grid, grid)
    parts = [
        make_generator(seed, purpose, sample).standard_normal(shape, dtype=np.float32)
        for sample in samples
    ]
    real, imaginary = torch.from_numpy(np.stack(parts)).unbind(dim=1)
    psi = torch.complex(real, imaginary)
    return psi / torch.linalg.vector_norm(psi, dim=1, keepdim=True)
