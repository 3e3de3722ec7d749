"""Keep what the backward of a segment needs, so that its steps are not recomputed.

A single step keeps its autograd graph. The steps of a longer segment keep what their network's
adjoint needs (see `qca.train.segment`).
"""

# torch's annotations are incomplete.
# pyright: reportUnknownMemberType=false
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from qca.model.evolution import Evolution, Step
from qca.train.segment import Cotangent, Record, SegmentAdjoint, StepInput


class Tape(Protocol):
    """Records the steps of one segment, and differentiates them once."""

    def record(self, start: StepInput) -> Step:
        """Run the next step; the results have no graph."""
        ...

    def differentiate(self, cotangents: Sequence[Cotangent]) -> Tensor | None:
        """Add to the parameters' gradients, free the tape, and return the first psi's gradient.

        Return None if the cotangents are empty, or if psi needs no gradient.
        """
        ...


class StepTape:
    """The autograd graph of one step."""

    def __init__(self, evolution: Evolution, *, needs_grad: bool) -> None:
        self._evolution = evolution
        self._needs_grad = needs_grad
        self._psi: Tensor | None = None
        self._step: Step | None = None

    @torch.enable_grad()
    def record(self, start: StepInput) -> Step:
        """Run the step and keep its graph."""
        self._psi = start.psi.detach().requires_grad_(self._needs_grad)
        noisy = StepInput(self._psi, start.factor).apply_noise()
        self._step = self._evolution.advance(noisy)
        return Step(*(part.detach() for part in self._step))

    def differentiate(self, cotangents: Sequence[Cotangent]) -> Tensor | None:
        """Differentiate the step."""
        psi, step, (cotangent,) = self._psi, self._step, cotangents
        assert psi is not None
        assert step is not None
        pairs = [pair for pair in zip(step, cotangent, strict=True) if pair[1] is not None]
        if pairs:
            roots, gradients = zip(*pairs, strict=True)
            torch.autograd.backward(roots, gradients)
        self._psi = self._step = None
        return psi.grad


class SegmentTape:
    """The records of a segment's steps, in consecutive rows."""

    def __init__(self, adjoint: SegmentAdjoint, length: int) -> None:
        self._adjoint = adjoint
        self._length = length
        self._factors: list[Tensor | None] = []
        self._rows: Record | None = None

    def record(self, start: StepInput) -> Step:
        """Run the next step and copy its record."""
        step = self._adjoint.record(start.apply_noise())
        record = self._adjoint.pop()
        if self._rows is None:
            self._rows = record.allocate(self._length)
        self._rows.copy_rows(len(self._factors), record)
        self._factors.append(start.factor)
        return step

    def differentiate(self, cotangents: Sequence[Cotangent]) -> Tensor | None:
        """Differentiate the steps."""
        assert self._rows is not None
        self._adjoint.load(self._rows)
        self._rows = None  # so each layer's tensors are freed once its weights have their gradient
        return self._adjoint.differentiate(self._factors, cotangents)
