"""The gradients of an episode, and how far two of them differ."""

import torch

from qca.model.evolution import Evolution
from qca.model.initial_state import draw_initial_state
from qca.model.losses import LOSSES
from qca.model.noise import Noise
from qca.train.episode import Episode

STEPS, BATCH = 11, 2


def differentiate(
    episode: Episode,
    evolution: Evolution,
    *,
    loss: str = "evolutionary",
    rate: float = 0.3,
    learned: torch.nn.Module | None = None,
) -> torch.Tensor:
    """Return the gradient of the learned parameters, by default the evolution's."""
    learned = learned or evolution
    psi = make_state()
    noise = Noise(0, range(BATCH), rate).draw_factor
    episode(evolution, psi, steps=STEPS, loss=LOSSES[loss](5), noise=noise)
    gradient = flatten_gradients(learned)
    learned.zero_grad()
    return gradient


def flatten_gradients(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])


def make_state() -> torch.Tensor:
    return draw_initial_state(0, range(BATCH), d_state=4, grid=8)


def measure_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return ((found - expected).norm() / expected.norm()).item()
