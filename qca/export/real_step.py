"""One step in real arithmetic, for programs and formats without complex numbers.

It is `qca.model.evolution`, term by term, on real and imaginary parts.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from qca.model.evolution import (
    GROUND,
    NORM_FLOOR,
    SQUARED_NORM_FLOOR,
    Evolution,
    cos_less_one_and_sinc,
)


class Parts(NamedTuple):
    """A complex tensor as its real and imaginary parts."""

    real: Tensor
    imaginary: Tensor

    def multiply(self, other: "Parts") -> "Parts":
        """Return the complex product."""
        return Parts(
            self.real * other.real - self.imaginary * other.imaginary,
            self.real * other.imaginary + self.imaginary * other.real,
        )

    def add(self, other: "Parts") -> "Parts":
        """Return the sum."""
        return Parts(self.real + other.real, self.imaginary + other.imaginary)

    def scale(self, factor: Tensor | float) -> "Parts":
        """Return the product with a real factor."""
        return Parts(factor * self.real, factor * self.imaginary)

    def sum_squares(self) -> Tensor:
        """Return the squared norm of each cell, (B, 1, H, W)."""
        return (self.real.square() + self.imaginary.square()).sum(dim=1, keepdim=True)


class RealStep(nn.Module):
    """One step of an automaton: psi -> psi, each as two float32 tensors (B, d_state, H, W).

    H and W are multiples of 4; the batch and the grid may be of any size.
    """

    def __init__(self, evolution: Evolution) -> None:
        super().__init__()
        self.model = evolution.model
        self.gamma = evolution.gamma
        self.update = evolution.update

    def forward(self, real: Tensor, imaginary: Tensor) -> tuple[Tensor, Tensor]:
        """Return the real and imaginary parts of the next state."""
        psi = Parts(real, imaginary)
        h = Parts(*self.model(torch.cat([real, imaginary], dim=1)).chunk(2, dim=1))
        after = self.advance(psi, h)
        return after.real, after.imaginary  # a plain tuple: the formats have no named tuples

    def advance(self, psi: Parts, h: Parts) -> Parts:
        """Return the next state under the field h."""
        if self.update == "cartesian":
            return step_cartesian(psi, h, self.gamma)
        if self.gamma == 0:
            return rotate(psi, h)
        norm = psi.sum_squares().clamp_min(SQUARED_NORM_FLOOR).sqrt()
        return damp(rotate(psi.scale(1 / norm), h).scale(norm), self.gamma)


def step_cartesian(psi: Parts, h: Parts, gamma: float) -> Parts:
    """Return psi + h * psi - gamma * psi with each cell normalized."""
    moved = psi.add(h.multiply(psi)).add(psi.scale(-gamma))
    return moved.scale(1 / (moved.sum_squares().sqrt() + NORM_FLOOR))


def rotate(psi: Parts, h: Parts) -> Parts:
    """Return exp(h psi^H - psi h^H) psi; see `qca.model.evolution.rotate`."""
    squared_norm = psi.sum_squares()
    conjugate = Parts(psi.real, -psi.imaginary)
    overlap = conjugate.multiply(h)
    a = Parts(*(part.sum(dim=1, keepdim=True) for part in overlap))
    a = a.scale(1 / squared_norm.clamp_min(SQUARED_NORM_FLOOR))
    w = h.add(a.multiply(psi).scale(-1))
    b = a.imaginary
    cos_less_one, sinc = cos_less_one_and_sinc(b.square() + w.sum_squares())
    phase_less_one = Parts(-2 * (b / 2).sin().square(), b.sin())
    along = Parts(cos_less_one, b * sinc)
    change = along.add(phase_less_one).add(phase_less_one.multiply(along))
    across = Parts(sinc + sinc * phase_less_one.real, sinc * phase_less_one.imaginary)
    turned = psi.add(change.multiply(psi)).add(across.multiply(w))
    return turned.add(turned.scale((1 - turned.sum_squares()) / 2))


def damp(psi: Parts, gamma: float) -> Parts:
    """Return psi after amplitude damping: each component but the first decays."""
    first, others = (
        Parts(psi.real[:, chosen], psi.imaginary[:, chosen])
        for chosen in (slice(GROUND, GROUND + 1), slice(GROUND + 1, None))
    )
    others = others.scale((1 - gamma) ** 0.5)
    return Parts(
        torch.cat([first.real, others.real], dim=1),
        torch.cat([first.imaginary, others.imaginary], dim=1),
    )
