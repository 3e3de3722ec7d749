"""Run steps forward and backward, eagerly or as captured CUDA graphs.

A step of a small automaton consists of a hundred kernels of a few microseconds each. If Python
launches them one by one, a fast GPU is mostly idle. The step and its adjoint have fixed shapes, so
on CUDA both are captured once as graphs and replayed for every step of every episode, with one
launch each. With a segment of k steps (see `qca.train.segment`), the adjoint of all k is one graph.
"""

import time
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from qca.model import cuda_graphs
from qca.model.evolution import Evolution, Step
from qca.train.conv_trials import try_algorithms
from qca.train.graph_buffers import GraphBuffers
from qca.train.graph_tape import SegmentRecorder
from qca.train.segment import Cotangent, SegmentAdjoint, StepInput, make_adjoint
from qca.train.tape import SegmentTape, StepTape, Tape


class StepRunner(Protocol):
    """Runs one step forward, and up to `segment` consecutive steps backward."""

    segment: int

    def refresh(self) -> None:
        """Copy the weights after they have changed; call it before each episode."""
        ...

    def forward(self, start: StepInput) -> Step:
        """Run a step without gradients."""
        ...

    def make_tape(self, length: int, *, needs_grad: bool) -> Tape:
        """Return a tape for `length` consecutive steps.

        `needs_grad` says whether their first psi needs a gradient.
        """
        ...

    def backward(
        self, starts: Sequence[StepInput], cotangents: Sequence[Cotangent], *, needs_grad: bool
    ) -> Tensor | None:
        """Recompute the steps, add to the parameters' gradients, and return the first psi's.

        Return None if the cotangents are empty, or if psi needs no gradient. The steps' graph is
        freed before the call returns.
        """
        ...


class EagerRunner:
    """Launches the kernels of each step one by one."""

    def __init__(self, evolution: Evolution, segment: int = 1) -> None:
        self.segment = segment
        self._evolution = evolution
        self._adjoint = make_adjoint(evolution, segment)

    def refresh(self) -> None:
        """Copy the weights."""
        if self._adjoint is not None:
            self._adjoint.refresh()

    @torch.no_grad()
    def forward(self, start: StepInput) -> Step:
        """Run a step without gradients."""
        return self._evolution.advance(start.apply_noise())

    def make_tape(self, length: int, *, needs_grad: bool) -> Tape:
        """Return a tape of autograd's graph, or of the segment's records."""
        if self._adjoint is None:
            return StepTape(self._evolution, needs_grad=needs_grad)
        return SegmentTape(self._adjoint, length)

    def backward(
        self, starts: Sequence[StepInput], cotangents: Sequence[Cotangent], *, needs_grad: bool
    ) -> Tensor | None:
        """Recompute the steps and differentiate them."""
        if self._adjoint is None:
            (start,) = starts
            tape = StepTape(self._evolution, needs_grad=needs_grad)
            tape.record(start)
            return tape.differentiate(cotangents)
        psi = torch.cat([start.apply_noise() for start in starts])
        return self._adjoint.run(psi, [start.factor for start in starts], cotangents)


class GraphRunner:
    """Replays captured CUDA graphs: one for a step, one for the adjoint of a segment.

    With tapes, the adjoint is two graphs: the first recomputes what the second reads, unless a tape
    restores it.

    Args:
        evolution: the step; its parameters must keep their addresses.
        like: a state, complex (B, d_state, H, W), on the device; the graphs have its shape.
        segment: the number of steps in the adjoint's graph.
        tapes: the number of segments that are not recomputed.
        noise: whether steps may have a noise factor.
        trials: whether to choose cuDNN's algorithms by trial; `trial_seconds` says how long
            that took.

    The parameters' gradients must exist before the capture: the graph adds to them in place.

    Raises:
        RuntimeError: this device, driver or model does not support a capture.
        torch.OutOfMemoryError: the device has too little memory.

    """

    def __init__(
        self,
        evolution: Evolution,
        like: Tensor,
        segment: int = 1,
        *,
        tapes: int = 0,
        noise: bool = True,
        trials: bool = False,
    ) -> None:
        self.segment = segment
        self._evolution = evolution
        self._adjoint = make_adjoint(evolution, segment)
        if self._adjoint is None and tapes:
            self._adjoint = SegmentAdjoint(evolution)  # autograd's graphs cannot be copied
        noise = noise and self._adjoint is not None
        self._buffers = GraphBuffers(like, segment, noise=noise)
        self.refresh()
        self.trial_seconds = self._try_algorithms() if trials else None
        cuda_graphs.warm_up(self._run_both)
        pool = cuda_graphs.GraphPool()
        self._recorder: SegmentRecorder | None = None
        if self._adjoint is not None and tapes:
            self._recorder = SegmentRecorder(self._adjoint, self._buffers, pool, tapes)
            return
        self._backward = pool.capture(self._run_backward)
        self._forward = pool.capture(self._run_forward)

    def refresh(self) -> None:
        """Copy the weights."""
        if self._adjoint is not None:
            self._adjoint.refresh()

    def forward(self, start: StepInput) -> Step:
        """Run a step without gradients."""
        if self._recorder is not None:
            return self._recorder.forward(start)
        self._buffers.load_state(0, start)
        return Step(*(part.clone() for part in self._forward.replay()))

    def make_tape(self, length: int, *, needs_grad: bool) -> Tape:
        """Return a tape in memory that all episodes share; call it once per segment, in order."""
        assert self._recorder is not None
        return self._recorder.make_tape()

    def backward(
        self, starts: Sequence[StepInput], cotangents: Sequence[Cotangent], *, needs_grad: bool
    ) -> Tensor | None:
        """Recompute the steps and differentiate them.

        If there are fewer steps than in a segment, the remaining rows have no gradient and add
        nothing.
        """
        if all(part is None for cotangent in cotangents for part in cotangent):
            return None
        for index, start in enumerate(starts):
            self._buffers.load_state(index, start)
        factors = [start.factor for start in starts]
        if self._recorder is not None:
            self._recorder.recompute()
            return self._recorder.differentiate(factors, cotangents)
        self._buffers.load_cotangents(factors, cotangents)
        gradient = self._backward.replay()
        factor = factors[0]
        if self._adjoint is not None or factor is None:
            return gradient.clone()
        return gradient * factor.conj()

    def _try_algorithms(self) -> float:
        """Run every convolution once, so that its algorithm is chosen; return the seconds."""
        started = time.monotonic()
        with try_algorithms():
            self._run_both()
        torch.cuda.synchronize()
        return time.monotonic() - started

    def _run_both(self) -> None:
        self._run_forward()
        self._run_backward()

    @torch.no_grad()
    def _run_forward(self) -> Step:
        psi = self._buffers.psi[0]
        return self._evolution.advance(psi) if self._adjoint is None else self._adjoint.advance(psi)

    def _run_backward(self) -> Tensor:
        buffers = self._buffers
        if self._adjoint is not None:
            return self._adjoint.run(
                buffers.psi.flatten(0, 1), buffers.list_factors(), buffers.list_cotangents()
            )
        psi = buffers.psi[0].detach().requires_grad_()
        step = self._evolution.advance(psi)
        torch.autograd.backward(list(step), list(buffers.list_cotangents()[0]))
        assert psi.grad is not None
        return psi.grad
