"""Run steps forward and backward, eagerly or as captured CUDA graphs.

A step of a small automaton is a hundred kernels of a few microseconds each; launched one by one
from Python, they leave a fast GPU idle. The step and its adjoint have fixed shapes, so on CUDA both
are captured once as graphs and replayed for every step of every episode: one launch each. With a
segment of k steps (see `qca.train.segment`), the adjoint of all k is one graph.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from qca.model.evolution import Evolution, Step
from qca.train.conv_trials import try_algorithms
from qca.train.segment import Cotangent, make_adjoint

_WARM_UP = 3  # warm-up passes before a capture, as in torch's documentation of CUDA graphs


class StepInput(NamedTuple):
    """The input of a step."""

    psi: Tensor
    factor: Tensor | None
    """The noise factor by which psi is multiplied first."""

    def apply_noise(self) -> Tensor:
        """Return psi times the factor."""
        return self.psi if self.factor is None else self.psi * self.factor


class StepRunner(Protocol):
    """Runs one step forward, and up to `segment` consecutive steps backward."""

    segment: int

    def refresh(self) -> None:
        """Copy the weights after they have changed; call it before each episode."""
        ...

    def forward(self, start: StepInput) -> Step:
        """Run a step without gradients."""
        ...

    def backward(
        self, starts: Sequence[StepInput], cotangents: Sequence[Cotangent], *, needs_grad: bool
    ) -> Tensor | None:
        """Recompute the steps, add to the parameters' gradients, return the first psi's gradient.

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

    def backward(
        self, starts: Sequence[StepInput], cotangents: Sequence[Cotangent], *, needs_grad: bool
    ) -> Tensor | None:
        """Recompute the steps and differentiate them."""
        if self._adjoint is None:
            (start,), (cotangent,) = starts, cotangents
            return self._differentiate(start, cotangent, needs_grad=needs_grad)
        psi = torch.cat([start.apply_noise() for start in starts])
        return self._adjoint.run(psi, [start.factor for start in starts], cotangents)

    def _differentiate(
        self, start: StepInput, cotangent: Cotangent, *, needs_grad: bool
    ) -> Tensor | None:
        psi = start.psi.detach().requires_grad_(needs_grad)
        step = self._evolution.advance(StepInput(psi, start.factor).apply_noise())
        pairs = [pair for pair in zip(step, cotangent, strict=True) if pair[1] is not None]
        if pairs:
            roots, gradients = zip(*pairs, strict=True)
            torch.autograd.backward(roots, gradients)
        return psi.grad


class GraphRunner:
    """Replays one captured CUDA graph for a step and one for the adjoint of a segment.

    Args:
        evolution: the step; its parameters must keep their addresses.
        like: a state, complex (B, d_state, H, W), on the device; the graphs have its shape.
        segment: the number of steps in the adjoint's graph.
        noise: whether steps may have a noise factor.
        trials: whether cuDNN's algorithms are chosen by trial, which took `trial_seconds`.

    The parameters' gradients must exist before the capture: the graph adds to them in place.

    Raises:
        RuntimeError: this device, driver or model cannot be captured.
        torch.OutOfMemoryError: the device has too little memory.

    """

    def __init__(
        self,
        evolution: Evolution,
        like: Tensor,
        segment: int = 1,
        *,
        noise: bool = True,
        trials: bool = False,
    ) -> None:
        self.segment = segment
        self._evolution = evolution
        self._adjoint = make_adjoint(evolution, segment)
        self._buffers = _GraphBuffers(like, segment, noise=noise and self._adjoint is not None)
        self.refresh()
        pool = torch.cuda.graph_pool_handle()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        self.trial_seconds: float | None = None
        with torch.cuda.stream(stream):
            if trials:
                self._try_algorithms()
            for _ in range(_WARM_UP):
                self._run_forward()
                self._run_backward()
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        torch._C._cuda_clearCublasWorkspaces()  # pyright: ignore[reportPrivateUsage] # as documented
        torch.cuda.empty_cache()  # the warm-up's memory would remain next to the graphs' pool
        self._forward_graph, self._backward_graph = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._backward_graph, pool=pool):
            self._gradient = self._run_backward()
        with torch.cuda.graph(self._forward_graph, pool=pool):
            self._next = self._run_forward()

    def refresh(self) -> None:
        """Copy the weights."""
        if self._adjoint is not None:
            self._adjoint.refresh()

    def forward(self, start: StepInput) -> Step:
        """Run a step without gradients."""
        self._buffers.load_state(0, start)
        self._forward_graph.replay()
        return Step(*(part.clone() for part in self._next))

    def backward(
        self, starts: Sequence[StepInput], cotangents: Sequence[Cotangent], *, needs_grad: bool
    ) -> Tensor | None:
        """Recompute the steps and differentiate them.

        If there are fewer steps than in a segment, the remaining rows have no gradient and add
        nothing.
        """
        if all(part is None for cotangent in cotangents for part in cotangent):
            return None
        self._buffers.clear_cotangents()
        for index, (start, cotangent) in enumerate(zip(starts, cotangents, strict=True)):
            self._buffers.load_state(index, start)
            self._buffers.load_cotangent(index, start.factor, cotangent)
        self._backward_graph.replay()
        factor = starts[0].factor
        if self._adjoint is not None or factor is None:
            return self._gradient.clone()
        return self._gradient * factor.conj()

    def _try_algorithms(self) -> None:
        """Run every convolution once, so that its algorithm can be chosen."""
        started = time.monotonic()
        with try_algorithms():
            self._run_forward()
            self._run_backward()
        torch.cuda.synchronize()
        self.trial_seconds = time.monotonic() - started

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


class _GraphBuffers:
    """The inputs of captured graphs, at fixed addresses; a row per step."""

    def __init__(self, like: Tensor, rows: int, *, noise: bool) -> None:
        self.psi = like.new_zeros(rows, *like.shape)
        self.psi[:, :, 0] = 1  # cells of norm 1: a warm-up on zeros would divide by zero
        self._factors = torch.ones_like(self.psi) if noise else None
        self._cotangents = torch.zeros_like(self.psi)
        self._weight_cotangents = torch.zeros_like(self.psi.real[:, :, 0])

    def load_state(self, row: int, start: StepInput) -> None:
        if start.factor is None:
            self.psi[row].copy_(start.psi)
        else:
            torch.mul(start.psi, start.factor, out=self.psi[row])

    def clear_cotangents(self) -> None:
        self._cotangents.zero_()
        self._weight_cotangents.zero_()

    def load_cotangent(self, row: int, factor: Tensor | None, cotangent: Cotangent) -> None:
        if cotangent.psi is not None:
            self._cotangents[row].copy_(cotangent.psi)
        if cotangent.weight is not None:
            self._weight_cotangents[row].copy_(cotangent.weight)
        if self._factors is None:
            return
        if factor is None:
            self._factors[row].fill_(1)
        else:
            self._factors[row].copy_(factor)

    def list_factors(self) -> list[Tensor | None]:
        return [None] * len(self.psi) if self._factors is None else list(self._factors)

    def list_cotangents(self) -> list[Cotangent]:
        return [
            Cotangent(psi, weight)
            for psi, weight in zip(self._cotangents, self._weight_cotangents, strict=True)
        ]
