"""What an episode is judged by.

A loss says which moments of the episode it looks at, and gives for them its terms, one
number for each sample; the trainer averages over samples. The energy E is the sum of the
cells' weights, read where it can still move (see `evolution.Step`).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from qca.model.evolution import Step, Update

_TARGET_SURVIVAL = 0.8  # share of the initial energy that should be left
# Keeps the logarithm and its slope finite where all cells are alike: a standard deviation of
# 1e-4 is far above rounding (1e-7) and far below that of a random state (about 0.2).
_SMALLEST_VARIANCE = 1e-8


@dataclass(frozen=True)
class Loss(ABC):
    """A weighted sum of terms over some moments of an episode."""

    moments: int = 10
    """How many moments to look at, evenly spaced, the last always among them; 1: only the last."""

    name: ClassVar[str]
    weights: ClassVar[Mapping[str, float]]
    """The factor of each term in the loss."""
    of_energy: ClassVar[frozenset[str]]
    """The terms that look at the energy alone."""

    def looks_at(self, steps: int) -> tuple[int, ...]:
        """Return the moments, rising, as numbers of steps made: 1 to `steps`, which is the last."""
        count = min(self.moments, steps)
        return tuple(steps * (k + 1) // count for k in range(count))

    @abstractmethod
    def terms(self, start: Tensor, seen: Sequence[Step]) -> dict[str, Tensor]:
        """Return each term, real (B,), from the initial energy (B,) and the steps seen."""

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Return the loss of each sample, real (B,)."""
        return torch.stack([self.weights[name] * term for name, term in terms.items()]).sum(dim=0)

    def immovable(self, update: Update, gamma: float, d_state: int) -> tuple[str, ...]:
        """Return the terms that no weights can change under this update, and so teach nothing."""
        if d_state == 1:  # a cell of one component is a phase: only a Euler step's energy moves
            movable = self.of_energy if update == "cartesian" else frozenset()
        elif update == "unitary" and gamma == 0:
            movable = frozenset(self.weights) - self.of_energy
        else:
            movable = frozenset(self.weights)
        return tuple(name for name in self.weights if name not in movable)


@dataclass(frozen=True)
class Evolutionary(Loss):
    """Keep 80 % of the energy, be symmetric under a quarter turn, be varied."""

    name = "evolutionary"
    weights: ClassVar[Mapping[str, float]] = {"survival": 10.0, "symmetry": 5.0, "complexity": 1.0}
    of_energy = frozenset({"survival"})

    def terms(self, start: Tensor, seen: Sequence[Step]) -> dict[str, Tensor]:
        """Survival of the last moment; symmetry and complexity averaged over all."""
        sizes = [step.psi.abs() for step in seen]
        return {
            "survival": (energy(seen[-1]) - _TARGET_SURVIVAL * start).abs() / start,
            "symmetry": _mean([_asymmetry(size) for size in sizes]),
            "complexity": _mean([_sameness(size) for size in sizes]),
        }


@dataclass(frozen=True)
class MseEnergy(Loss):
    """End with the energy of the start: (E_T - E_0)^2. Looks at the last moment only."""

    moments: int = 1

    name = "mse_energy"
    weights: ClassVar[Mapping[str, float]] = {"energy_error": 1.0}
    of_energy = frozenset({"energy_error"})

    def terms(self, start: Tensor, seen: Sequence[Step]) -> dict[str, Tensor]:
        """The squared difference of the energies."""
        return {"energy_error": (energy(seen[-1]) - start).square()}


@dataclass(frozen=True)
class Structure(Loss):
    """Few components a cell, smooth over the grid: mean |psi| + 0.1 * total variation."""

    name = "structure"
    weights: ClassVar[Mapping[str, float]] = {"magnitude": 1.0, "variation": 0.1}
    of_energy = frozenset()

    def terms(self, start: Tensor, seen: Sequence[Step]) -> dict[str, Tensor]:
        """Both averaged over the moments."""
        sizes = [step.psi.abs() for step in seen]
        return {
            "magnitude": _mean([size.mean(dim=(1, 2, 3)) for size in sizes]),
            "variation": _mean([_variation(size) for size in sizes]),
        }


LOSSES: Mapping[str, type[Loss]] = {
    loss.name: loss for loss in (Evolutionary, MseEnergy, Structure)
}


def energy(step: Step) -> Tensor:
    """Return the weight of all cells of each sample, real (B,)."""
    return step.weight.sum(dim=(1, 2))


def _asymmetry(size: Tensor) -> Tensor:
    turned = torch.rot90(size, dims=(2, 3))
    return (size - turned).square().mean(dim=(1, 2, 3))


def _sameness(size: Tensor) -> Tensor:
    """Return -log of the standard deviation over cells of sum_d |psi_d|."""
    variance = size.sum(dim=1).var(dim=(1, 2))
    return -0.5 * (variance + _SMALLEST_VARIANCE).log()


def _variation(size: Tensor) -> Tensor:
    down = size.diff(dim=2).abs().mean(dim=(1, 2, 3))
    across = size.diff(dim=3).abs().mean(dim=(1, 2, 3))
    return down + across


def _mean(values: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(values)).mean(dim=0)
