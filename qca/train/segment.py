"""Differentiate several consecutive steps together, from their states.

The states of an episode are known before its backward starts, so the network runs once over the
states of k steps, as one batch. Then the gradient is propagated back through the steps one by one,
and the weights' gradients of all k are added at once. This needs k times the memory of one step's
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

_aten = torch.ops.aten


class StepInput(NamedTuple):
    """The input of a step."""

    psi: Tensor
    factor: Tensor | None
    """The noise by which psi is multiplied before the step; None means no noise."""

    def apply_noise(self) -> Tensor:
        """Return psi times the factor."""
        return self.psi if self.factor is None else self.psi * self.factor


class Cotangent(NamedTuple):
    """The gradient of the loss with respect to a step's results; None if there is none."""

    psi: Tensor | None
    weight: Tensor | None

    def add(self, gradient: Tensor | None) -> "Cotangent":
        """Return the sum with `gradient`, which arrives from the next step."""
        if gradient is None or self.psi is None:
            return Cotangent(self.psi if gradient is None else gradient, self.weight)
        return Cotangent(gradient + self.psi, self.weight)


class Record:
    """What the adjoint of consecutive steps needs from their forward, with a row per sample.

    Args:
        tensors: the states that went into the steps, the network's output, and what the network
            saved; a tensor may occur several times.

    """

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.tensors = tensors
        self._different = list({id(tensor): tensor for tensor in tensors}.values())

    def allocate(self, length: int) -> "Record":
        """Return an empty record of `length` steps; this one must be the record of one step."""
        rows = {id(tensor): _allocate_rows(tensor, length) for tensor in self._different}
        rows[id(self.tensors[0])][:, 0] = 1  # an unused row is divided by its norm, so make it 1
        return Record([rows[id(tensor)] for tensor in self.tensors])

    def copy_rows(self, index: int, source: "Record") -> None:
        """Copy a record of n rows to the n rows that start at row n * `index`."""
        pairs: dict[torch.dtype, tuple[list[Tensor], list[Tensor]]] = {}
        for rows, other in zip(self._different, source._different, strict=True):
            targets, others = pairs.setdefault(rows.dtype, ([], []))
            targets.append(rows[index * len(other) : (index + 1) * len(other)])
            others.append(other)
        for targets, others in pairs.values():  # one kernel copies tensors of one format
            _aten._foreach_copy_.default(targets, others)


class SegmentAdjoint:
    """The adjoint of consecutive steps of one evolution, whose model is a U-Net.

    `run` recomputes the steps from their states. If they were recorded instead, `load` their
    records and call `differentiate`.
    """

    def __init__(self, evolution: Evolution) -> None:
        self._network = _make_adjoint(evolution.model)
        self._update = make_update(evolution, find_kernels(next(evolution.parameters())))
        self._psi: Tensor | None = None
        self._field: Tensor | None = None

    def refresh(self) -> None:
        """Copy the weights after they have changed."""
        self._network.refresh()

    @torch.no_grad()
    def advance(self, psi: Tensor) -> Step:
        """Run one step forward without saving tensors."""
        field = self._run_network(psi)
        self._network.clear()
        return self._update.advance(psi, field)

    @torch.no_grad()
    def record(self, psi: Tensor) -> Step:
        """Run one step forward; `pop` then returns its record."""
        self._psi, self._field = psi, self._run_network(psi)
        return self._update.advance(psi, self._field)

    @torch.no_grad()
    def recompute(self, psi: Tensor) -> None:
        """Run the network over the states of several steps; see `run`."""
        self._psi, self._field = psi, self._run_network(psi)

    def pop(self) -> Record:
        """Return the record of the last forward without keeping a reference to it."""
        assert self._psi is not None
        assert self._field is not None
        record = Record([self._psi, self._field, *self._network.list_saved()])
        self._psi = self._field = None
        self._network.clear()
        return record

    def load(self, record: Record) -> None:
        """Use this record instead of the last forward's."""
        self._psi, self._field, *saved = record.tensors
        self._network.load_saved(saved)

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
            factors: the noise of each step, see `qca.model.noise.DrawFactor`.
            cotangents: the gradient of each step's results from outside the segment.

        """
        self.recompute(psi)
        return self.differentiate(factors, cotangents)

    @torch.no_grad()
    def differentiate(
        self, factors: Sequence[Tensor | None], cotangents: Sequence[Cotangent]
    ) -> Tensor:
        """Do the same as `run` for the steps of the current record, and free the record."""
        psi, field = self._psi, self._field
        assert psi is not None
        assert field is not None
        batch = len(psi) // len(cotangents)
        gradient: Tensor | None = None
        for index in reversed(range(len(cotangents))):
            rows = slice(index * batch, (index + 1) * batch)
            cotangent = cotangents[index].add(gradient)
            gradient = self._pull_back(rows, psi[rows], field[rows], cotangent)
            factor = factors[index]
            gradient = gradient if factor is None else gradient * factor.conj()
        self._psi = self._field = None
        self._network.add_weight_gradients()
        assert gradient is not None
        return gradient

    def _run_network(self, psi: Tensor) -> Tensor:
        return self._network.forward(torch.cat([psi.real, psi.imag], dim=1))

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


def _allocate_rows(tensor: Tensor, length: int) -> Tensor:
    """Return memory for `length` tensors of this shape and memory format, one after another."""
    shape = (length * len(tensor), *tensor.shape[1:])
    memory_format = torch.contiguous_format
    if not tensor.is_contiguous():
        memory_format = torch.channels_last
    rows = torch.empty(shape, dtype=tensor.dtype, device=tensor.device, memory_format=memory_format)
    return rows.zero_()


def _make_adjoint(model: nn.Module) -> UNetAdjoint:
    if isinstance(model, HalfModel):
        return UNetAdjoint(model.copy, model.originals)
    assert isinstance(model, UNetUnitary)
    return UNetAdjoint(model)
