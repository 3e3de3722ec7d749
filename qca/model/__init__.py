"""The model: UNetUnitary, one step of the automaton, initial states, noise and losses.

It imports `qca.core` and torch.
"""

from qca.model.evolution import Evolution, Step
from qca.model.unet import UNetUnitary

__all__ = ["Evolution", "Step", "UNetUnitary"]
