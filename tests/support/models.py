"""Small models that are far from the identity, so that tests compare more than rounding errors."""

import torch

from qca.model import Evolution, UNetUnitary
from qca.model.evolution import Update


def lively_model(d_state: int = 4, hidden_channels: int = 8, std: float = 0.05) -> UNetUnitary:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = UNetUnitary(d_state, hidden_channels)
        torch.nn.init.normal_(model.outc.weight, std=std)
    return model


def lively_evolution(
    update: Update, gamma: float = 0.0, *, d_state: int = 4, hidden_channels: int = 8
) -> Evolution:
    return Evolution(lively_model(d_state, hidden_channels), gamma, update)
