"""The update of a step and its adjoint: plain operators and autograd, or fused kernels on a GPU."""

from typing import Protocol

import torch
from torch import Tensor

from qca.model.evolution import NORM_FLOOR, Evolution, Step
from qca.model.kernels import Kernels

_BLOCK = 32  # cells that one program handles


class Update(Protocol):
    """The update of a state, complex (B, d_state, H, W), by the network's field.

    The field is real, (B, 2 * d_state, H, W): the real parts first, then the imaginary parts.
    """

    def advance(self, psi: Tensor, field: Tensor) -> Step:
        """Return the result of the step, without gradients."""
        ...

    def backward(
        self, psi: Tensor, field: Tensor, by_psi: Tensor | None, by_weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the gradients of state and field.

        Args:
            psi: the state.
            field: the network's field.
            by_psi: the gradient of the next state, like psi; None if it is zero.
            by_weight: the gradient of its squared norms, real (B, H, W); None if it is zero.

        """
        ...


class PlainUpdate:
    """The update as the evolution computes it, differentiated by autograd."""

    def __init__(self, evolution: Evolution) -> None:
        self._evolution = evolution

    @torch.no_grad()
    def advance(self, psi: Tensor, field: Tensor) -> Step:
        """Return the result of the step."""
        return self._evolution.apply_update(psi, as_complex(field))

    def backward(
        self, psi: Tensor, field: Tensor, by_psi: Tensor | None, by_weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the gradients of state and field."""
        psi, h = psi.detach().requires_grad_(), as_complex(field).requires_grad_()
        with torch.enable_grad():
            step = self._evolution.apply_update(psi, h)
        pairs = [
            pair for pair in zip(step, (by_psi, by_weight), strict=True) if pair[1] is not None
        ]
        if not pairs:
            return torch.zeros_like(psi), torch.zeros_like(field)
        results, gradients = zip(*pairs, strict=True)
        psi_gradient, h_gradient = torch.autograd.grad(results, (psi, h), gradients)
        return psi_gradient, torch.cat([h_gradient.real, h_gradient.imag], dim=1)


class FusedCartesianUpdate:
    """The update as one kernel forward and one backward, on contiguous states and fields."""

    def __init__(self, gamma: float, kernels: Kernels) -> None:
        self._decay = 1 - gamma
        self._kernels = kernels.step

    @torch.no_grad()
    def advance(self, psi: Tensor, field: Tensor) -> Step:
        """Return the result of the step."""
        psi, field = psi.contiguous(), field.contiguous()
        step = Step(torch.empty_like(psi), torch.empty_like(field[:, 0]))
        grid, sizes = self._find_sizes(psi)
        self._kernels.advance[grid](
            *(torch.view_as_real(psi), field, torch.view_as_real(step.psi), step.squared_norm),
            *(self._decay, NORM_FLOOR, *sizes),
        )
        return step

    @torch.no_grad()
    def backward(
        self, psi: Tensor, field: Tensor, by_psi: Tensor | None, by_weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the gradients of state and field."""
        psi, field = psi.contiguous(), field.contiguous()
        by_psi = torch.zeros_like(psi) if by_psi is None else by_psi.contiguous()
        by_weight = torch.zeros_like(field[:, 0]) if by_weight is None else by_weight.contiguous()
        psi_gradient, field_gradient = torch.empty_like(psi), torch.empty_like(field)
        grid, sizes = self._find_sizes(psi)
        self._kernels.differentiate[grid](
            *(torch.view_as_real(psi), field, torch.view_as_real(by_psi), by_weight),
            *(torch.view_as_real(psi_gradient), field_gradient),
            *(self._decay, NORM_FLOOR, *sizes),
        )
        return psi_gradient, field_gradient

    def _find_sizes(self, psi: Tensor) -> tuple[tuple[int], tuple[int, ...]]:
        """Return the number of programs, and the sizes that they need."""
        batch, components, height, width = psi.shape
        rows, lanes = batch * height * width, 1 << (components - 1).bit_length()
        return (-(-rows // _BLOCK),), (rows, height * width, components, _BLOCK, lanes)


def make_update(evolution: Evolution, kernels: Kernels | None) -> Update:
    """Return the fastest implementation of an evolution's update."""
    if kernels is not None and evolution.update == "cartesian":
        return FusedCartesianUpdate(evolution.gamma, kernels)
    return PlainUpdate(evolution)


def as_complex(parts: Tensor) -> Tensor:
    """Return a field of real channels, (B, 2 * d_state, H, W), as a complex field with half the
    channels."""
    return torch.complex(*parts.chunk(2, dim=1))
