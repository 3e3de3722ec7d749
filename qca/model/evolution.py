"""One step of the automaton, from psi, complex64 (B, d_state, H, W), to the next state.

A cell is a vector in C^d, and the network's output is a complex field h. `cartesian` is a lossy
Euler step that then normalizes each cell. `unitary` is the exponential of the rank-two generator
K = h u^H - u h^H with u = psi / |psi|, which preserves each cell's norm; only the separate damping
channel after it reduces the norm. h depends on psi, so neither map is linear in psi.
"""

# torch has no annotations for `torch.linalg`.
# pyright: reportUnknownMemberType=false
from typing import NamedTuple, cast, get_args

import torch
from torch import Tensor, nn

from qca.core.config import Update

NORM_FLOOR = 1e-9  # added to a norm before dividing by it
SQUARED_NORM_FLOOR = 1e-12  # least |psi|^2 to divide by; a damped cell may be nearly zero
GROUND = 0  # the component that amplitude damping decays to

# Taylor coefficients in theta^2 of cos(theta) and sin(theta)/theta. Below the threshold the first
# omitted term is 0.1^6/12! = 2e-15: exact in float32 and nearly exact in float64. Above it, theta^2
# is large enough to divide by.
_SERIES_BELOW = 0.1
_COS_SERIES = (1.0, -1 / 2, 1 / 24, -1 / 720, 1 / 40320, -1 / 3628800)
_SINC_SERIES = (1.0, -1 / 6, 1 / 120, -1 / 5040, 1 / 362880, -1 / 39916800)


class Step(NamedTuple):
    """The result of one step."""

    psi: Tensor
    """The next state, complex (B, d_state, H, W)."""
    squared_norm: Tensor
    """Each cell's |psi|^2, real (B, H, W): before the renormalization (cartesian), which makes
    it 1, or after the damping (unitary)."""


class Evolution(nn.Module):
    """One step of the automaton, driven by `model`.

    Args:
        model: maps float (B, 2 * d_state, H, W) to the same shape.
        gamma: dissipation per step, 0 to 1.
        update: "cartesian" or "unitary", see the module's docstring.

    A call returns the next state; `advance` also returns each cell's squared norm.

    Raises:
        ValueError: the update is unknown, or gamma is not between 0 and 1.

    """

    def __init__(self, model: nn.Module, gamma: float = 0.0, update: Update = "cartesian") -> None:
        super().__init__()
        if update not in get_args(Update):
            raise ValueError(f"update is {update!r}; it must be 'cartesian' or 'unitary'")
        if not 0 <= gamma <= 1:
            raise ValueError(f"gamma is {gamma}; it must be between 0 and 1")
        self.model = model
        self.gamma = gamma
        self.update = update

    def forward(self, psi: Tensor) -> Tensor:
        """Return the next state of `psi`, complex (B, d_state, H, W)."""
        return self.advance(psi).psi

    def advance(self, psi: Tensor) -> Step:
        """Return the next state of `psi`, complex (B, d_state, H, W), and its squared norms."""
        # All uses of psi inside the step share this view, so autograd sums their gradients before
        # it adds any from outside (a loss on this state). As a result, plain autograd and the
        # step-by-step adjoint agree to the last bit.
        psi = psi.view_as(psi)
        return self.apply_update(psi, self.compute_field(psi))

    def apply_update(self, psi: Tensor, h: Tensor) -> Step:
        """Return the result of one step with the field h, complex and shaped like psi."""
        if self.update == "cartesian":
            return step_cartesian(psi, h, self.gamma)
        if self.gamma == 0:
            psi = rotate(psi, h)
            return Step(psi, compute_squared_norm(psi).squeeze(1))
        return damp(rotate_any_norm(psi, h), self.gamma)

    def compute_field(self, psi: Tensor) -> Tensor:
        """Return the network's output as a complex field h, shaped like psi."""
        real, imaginary = self.model(torch.cat([psi.real, psi.imag], dim=1)).chunk(2, dim=1)
        return torch.complex(real, imaginary)


def step_cartesian(psi: Tensor, h: Tensor, gamma: float) -> Step:
    """Return psi + h * psi - gamma * psi, normalized per cell, and the squared norm before that.

    `psi` and `h` are complex (B, d_state, H, W).
    """
    moved = psi + h * psi - gamma * psi
    norm = compute_norm(moved)
    return Step(moved / (norm + NORM_FLOOR), norm.squeeze(1).square())


def rotate(psi: Tensor, h: Tensor) -> Tensor:
    """Return exp(h psi^H - psi h^H) psi, per cell, for cells with |psi| = 1.

    `psi`, `h` and the result are complex (B, d_state, H, W).

    With h = a psi + w, w orthogonal to psi, b = Im a and theta^2 = b^2 + |w|^2, this equals
    exp(ib) [(cos theta + i b sinc theta) psi + sinc theta w]. It is computed as psi plus a change,
    so that a small rotation has a small rounding error. One Newton step towards norm 1 then removes
    the rounding error of the norm. Without it, the error after 500 steps is 1e-5 in a cell that
    hardly moves and always rounds the same way, and more in a cell that rotates far.
    """
    squared_norm = compute_squared_norm(psi)
    a = (psi.conj() * h).sum(dim=1, keepdim=True) / squared_norm.clamp_min(SQUARED_NORM_FLOOR)
    w = h - a * psi
    b = a.imag
    cos_less_one, sinc = cos_less_one_and_sinc(b.square() + compute_squared_norm(w))
    phase_less_one = torch.complex(-2 * (b / 2).sin().square(), b.sin())
    along = torch.complex(cos_less_one, b * sinc)
    change = along + phase_less_one + phase_less_one * along
    turned = psi + change * psi + (sinc + sinc * phase_less_one) * w
    # Correct with the norm after the rotation. A correction with the norm before the rotation would
    # rotate with the cell, and beyond a quarter turn that would increase the error.
    return turned + (1 - compute_squared_norm(turned)) / 2 * turned


def rotate_any_norm(psi: Tensor, h: Tensor) -> Tensor:
    """Rotate cells of any norm, such as damped ones: rotate the direction and keep the norm.

    The norm is part of the state here, so it is not corrected: each step rounds it once.
    """
    norm = compute_squared_norm(psi).clamp_min(SQUARED_NORM_FLOOR).sqrt()
    return norm * rotate(psi / norm, h)


def damp(psi: Tensor, gamma: float) -> Step:
    """Return psi after amplitude damping, with each cell's squared norm.

    This is the no-jump branch of the amplitude-damping channel (Nielsen and Chuang, 8.3.5, here for
    d levels): each component except the first keeps sqrt(1 - gamma) of its amplitude. The cells are
    not renormalized, so the loss of norm stays visible.
    """
    kept = torch.full_like(psi.real[0, :, :1, :1], (1 - gamma) ** 0.5)  # (d_state, 1, 1)
    kept[GROUND] = 1.0
    psi = kept * psi
    return Step(psi, compute_squared_norm(psi).squeeze(1))


def compute_norm(psi: Tensor) -> Tensor:
    """Return |psi| of each cell, real (B, 1, H, W)."""
    return cast(Tensor, torch.linalg.vector_norm(psi, dim=1, keepdim=True))


def compute_squared_norm(psi: Tensor) -> Tensor:
    """Return |psi|^2 of each cell, real (B, 1, H, W)."""
    return (psi.real.square() + psi.imag.square()).sum(dim=1, keepdim=True)


def cos_less_one_and_sinc(theta_squared: Tensor) -> tuple[Tensor, Tensor]:
    """Return cos(theta) - 1 and sin(theta)/theta for theta^2 >= 0, both without cancellation."""
    cos_half, sinc_half = cos_and_sinc(theta_squared / 4)
    return -0.5 * theta_squared * sinc_half.square(), sinc_half * cos_half


def cos_and_sinc(theta_squared: Tensor) -> tuple[Tensor, Tensor]:
    """Return cos(theta) and sin(theta)/theta for theta^2 >= 0, with smooth gradients at zero."""
    small = theta_squared < _SERIES_BELOW
    # Each branch gets only valid arguments, so the gradient of the unused branch is zero instead of
    # zero times infinity.
    near = torch.where(small, theta_squared, 0.0)
    theta = torch.where(small, 1.0, theta_squared).sqrt()
    cos = torch.where(small, _evaluate_polynomial(_COS_SERIES, near), theta.cos())
    sinc = torch.where(small, _evaluate_polynomial(_SINC_SERIES, near), theta.sin() / theta)
    return cos, sinc


def _evaluate_polynomial(coefficients: tuple[float, ...], x: Tensor) -> Tensor:
    value = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = value * x + coefficient
    return value
