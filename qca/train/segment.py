"""Differentiate several consecutive steps together, from their states.

The states of an episode are known before its backward starts. So the network runs once over the
states of k steps, as one batch; then the gradient is propagated back through the steps one by one,
and the weights' gradients of all k are added at once. It needs k times the memory of one step's
backward.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from qca.model.evolution import Evolution, Step
from qca.model.kernels import find_kernels
from qca.model.unet import UNetUnitary
from qca.model.unet_adjoint import UNetAdjoint
from qca.model.update_adjoint import as_complex, make_update
from qca.train.precision import HalfModel


class Cotangent(NamedTuple):
    """The gradient of the loss with respect to a step's results; None if there is none."""

    psi: Tensor | None
    weight: Tensor | None

    def add(self, gradient: Tensor | None) -> "Cotangent":
        """Return the gradient with the incoming gradient of the next step added."""
        if gradient is None or self.psi is None:
            return Cotangent(self.psi if gradient is None else gradient, self.weight)
        return Cotangent(gradient + self.psi, self.weight)


class SegmentAdjoint:
    """The adjoint of consecutive steps of one evolution, whose model is a U-Net."""

    def __init__(self, evolution: Evolution) -> None:
        self._network = _make_adjoint(evolution.model)
        self._update = make_update(evolution, find_kernels(next(evolution.parameters())))

    def refresh(self) -> None:
        """Copy the weights after they have changed."""
        self._network.refresh()

    @torch.no_grad()
    def advance(self, psi: Tensor) -> Step:
        """Run one step forward without saving tensors."""
        field = self._network.forward(torch.cat([psi.real, psi.imag], dim=1))
        self._network.clear()
        return self._update.advance(psi, field)

    @torch.no_grad()
    def run(
        self,
        psi: Tensor,
        factors: Sequence[Tensor | None],
        cotangents: Sequence[Cotangent],
    ) -> Tensor:
        """Add to the parameters' gradients, and return the gradient of the first state.

        Args:
            psi: the input states of the steps, complex (k * B, d_state, H, W), each already
                multiplied by its factor.
            factors: the noise of each step, see `qca.train.episode.NoiseFactor`.
            cotangents: the gradient of each step's results from outside the segment.

        """
        field = self._network.forward(torch.cat([psi.real, psi.imag], dim=1))
        batch = len(psi) // len(cotangents)
        gradient: Tensor | None = None
        for index in reversed(range(len(cotangents))):
            rows = slice(index * batch, (index + 1) * batch)
            cotangent = cotangents[index].add(gradient)
            gradient = self._pull_back(rows, psi[rows], field[rows], cotangent)
            factor = factors[index]
            gradient = gradient if factor is None else gradient * factor.conj()
        self._network.add_weight_gradients()
        assert gradient is not None
        return gradient

    def _pull_back(self, rows: slice, psi: Tensor, field: Tensor, cotangent: Cotangent) -> Tensor:
        """Return the gradient with respect to the state before one step."""
        by_psi, by_field = self._update.backward(psi, field, *cotangent)
        by_input = self._network.backward(rows, by_field)
        return by_psi + as_complex(by_input)


def make_adjoint(evolution: Evolution, segment: int) -> SegmentAdjoint | None:
    """Return the adjoint of segments, or None if autograd differentiates single steps.

    On a CPU, autograd's gradients equal those of a plain episode to the last bit. Only the fused
    kernels make the adjoint of a single step faster.
    """
    kernels = find_kernels(next(evolution.parameters()))
    return SegmentAdjoint(evolution) if segment > 1 or kernels is not None else None


def _make_adjoint(model: nn.Module) -> UNetAdjoint:
    if isinstance(model, HalfModel):
        return UNetAdjoint(model.copy, model.originals)
    assert isinstance(model, UNetUnitary)
    return UNetAdjoint(model)
