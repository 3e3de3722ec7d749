"""The losses of an episode.

A loss chooses the steps at which it evaluates the episode. From those steps it computes its terms,
one number per sample. The trainer averages over the samples. The energy E is the sum of the cells'
|psi|^2 as in `evolution.Step`. To add a loss, see docs/contributing.md (built-in) and
docs/add-a-loss.md (in a package).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from qca.core.config import Update
from qca.core.errors import InputError
from qca.core.losses import GROUP, MAX_INSTALLED_SAMPLE_STEPS, MAX_SAMPLE_STEPS
from qca.core.plugins import list_plugins, load_plugin
from qca.model.evolution import Step

_TARGET_SURVIVAL = 0.8  # share of the initial energy that should remain
# Keeps the logarithm and its slope finite if all cells are alike. Its root, 1e-4, is far above
# rounding (1e-7) and far below the standard deviation of a random state (about 0.2).
_SMALLEST_VARIANCE = 1e-8


@dataclass(frozen=True)
class Loss(ABC):
    """A weighted sum of terms over some steps of an episode."""

    max_sample_steps: int
    """The number of evenly spaced steps to evaluate, always including the last; 1 means only the
    last."""

    name: ClassVar[str]
    term_weights: ClassVar[Mapping[str, float]]
    """The factor of each term in the loss."""
    energy_terms: ClassVar[frozenset[str]]
    """The terms that depend only on the energy."""

    def sample_steps(self, steps: int) -> tuple[int, ...]:
        """Return the steps to evaluate, counted from 1, in ascending order; the last is `steps`."""
        count = min(self.max_sample_steps, steps)
        return tuple(steps * (k + 1) // count for k in range(count))

    @abstractmethod
    def compute_terms(self, start: Tensor, sampled: Sequence[Step]) -> dict[str, Tensor]:
        """Compute each term, real (B,), from the initial energy (B,) and the sampled steps."""

    def combine(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Return the loss of each sample, real (B,): the weighted sum of its terms."""
        weighted = [self.term_weights[name] * term for name, term in terms.items()]
        return torch.stack(weighted).sum(dim=0)

    def find_constant_terms(self, update: Update, gamma: float, d_state: int) -> tuple[str, ...]:
        """Return the terms that the network's weights cannot change under this update."""
        if d_state == 1:  # a cell is only a phase, and only an Euler step can change its energy
            variable = self.energy_terms if update == "cartesian" else frozenset[str]()
        elif update == "unitary" and gamma == 0:
            variable = frozenset(self.term_weights) - self.energy_terms
        else:
            variable = frozenset(self.term_weights)
        return tuple(name for name in self.term_weights if name not in variable)


@dataclass(frozen=True)
class Evolutionary(Loss):
    """A loss that rewards states that keep 80% of the energy, are symmetric under a quarter turn,
    and vary from cell to cell."""

    max_sample_steps: int = MAX_SAMPLE_STEPS["evolutionary"]

    name = "evolutionary"
    term_weights: ClassVar[Mapping[str, float]] = {
        "survival": 10.0,
        "symmetry": 5.0,
        "complexity": 1.0,
    }
    energy_terms = frozenset({"survival"})

    def compute_terms(self, start: Tensor, sampled: Sequence[Step]) -> dict[str, Tensor]:
        """Compute the survival at the last sampled step, and the mean symmetry and complexity."""
        magnitudes = [step.psi.abs() for step in sampled]
        return {
            "survival": (compute_energy(sampled[-1]) - _TARGET_SURVIVAL * start).abs() / start,
            "symmetry": _average([_measure_asymmetry(magnitude) for magnitude in magnitudes]),
            "complexity": _average([_measure_sameness(magnitude) for magnitude in magnitudes]),
        }


@dataclass(frozen=True)
class MseEnergy(Loss):
    """A loss that rewards ending with the initial energy: (E_T - E_0)^2. It evaluates only the last
    step."""

    max_sample_steps: int = MAX_SAMPLE_STEPS["mse_energy"]

    name = "mse_energy"
    term_weights: ClassVar[Mapping[str, float]] = {"energy_error": 1.0}
    energy_terms = frozenset({"energy_error"})

    def compute_terms(self, start: Tensor, sampled: Sequence[Step]) -> dict[str, Tensor]:
        """Compute the squared difference of the energies."""
        return {"energy_error": (compute_energy(sampled[-1]) - start).square()}


@dataclass(frozen=True)
class Structure(Loss):
    """A loss that rewards few components per cell and a smooth grid: mean |psi| + 0.1 * total
    variation."""

    max_sample_steps: int = MAX_SAMPLE_STEPS["structure"]

    name = "structure"
    term_weights: ClassVar[Mapping[str, float]] = {"magnitude": 1.0, "variation": 0.1}
    energy_terms = frozenset()

    def compute_terms(self, start: Tensor, sampled: Sequence[Step]) -> dict[str, Tensor]:
        """Compute both terms, averaged over the sampled steps."""
        magnitudes = [step.psi.abs() for step in sampled]
        return {
            "magnitude": _average([magnitude.mean(dim=(1, 2, 3)) for magnitude in magnitudes]),
            "variation": _average([_measure_variation(magnitude) for magnitude in magnitudes]),
        }


LOSSES: Mapping[str, Callable[..., Loss]] = {
    loss.name: loss for loss in (Evolutionary, MseEnergy, Structure)
}


def make_loss(name: str) -> Loss:
    """Return the built-in or installed loss with this name.

    Raises:
        InputError: no package provides it, or the package's object is not a usable loss.

    """
    if name in LOSSES:
        return LOSSES[name]()
    point = list_plugins(GROUP).get(name)
    if point is None:
        raise InputError(f"unknown loss {name!r}", hint="Install the package that declares it.")
    loss = load_plugin(point, type)()
    if not isinstance(loss, Loss) or loss.max_sample_steps > MAX_INSTALLED_SAMPLE_STEPS:
        raise InputError(
            f"{GROUP} {name!r}: not a qca.Loss with at most "
            f"{MAX_INSTALLED_SAMPLE_STEPS} sample steps",
            hint="Fix or uninstall the package that declares it.",
        )
    return loss


def compute_energy(step: Step) -> Tensor:
    """Return the sum of |psi|^2 over the cells of each sample, real (B,)."""
    return step.squared_norm.sum(dim=(1, 2))


def _measure_asymmetry(magnitude: Tensor) -> Tensor:
    """Return the mean squared change of |psi|, (B, d, H, W), under a quarter turn."""
    rotated = torch.rot90(magnitude, dims=(2, 3))
    return (magnitude - rotated).square().mean(dim=(1, 2, 3))


def _measure_sameness(magnitude: Tensor) -> Tensor:
    """Return -log of the standard deviation over cells of sum_d |psi_d|."""
    variance = magnitude.sum(dim=1).var(dim=(1, 2))
    return -0.5 * (variance + _SMALLEST_VARIANCE).log()


def _measure_variation(magnitude: Tensor) -> Tensor:
    """Return the total variation of |psi| over the grid, averaged over components and cells."""
    down = magnitude.diff(dim=2).abs().mean(dim=(1, 2, 3))
    across = magnitude.diff(dim=3).abs().mean(dim=(1, 2, 3))
    return down + across


def _average(values: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(values)).mean(dim=0)
