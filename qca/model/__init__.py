"""The model: UNetUnitary, one step of the automaton, its states, noise and losses.

May import `qca.core` and torch.
"""

from qca.model.evolution import Evolution, Step
from qca.model.unet import UNetUnitary

__all__ = ["Evolution", "Step", "UNetUnitary"]
