"""How one step runs forward and backward: eagerly, or as captured CUDA graphs.

A step of a small automaton is a hundred kernels of a few microseconds each; launched one
by one from Python they keep a fast GPU waiting. The step and its adjoint have fixed
shapes, so on CUDA both are captured once as graphs and replayed for every step of every
episode: one launch each.
"""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from qca.model.evolution import Evolution, Step

_WARM_UP = 3  # passes before a capture, as torch's documentation of CUDA graphs has it


class Cotangent(NamedTuple):
    """The gradient of the loss by a step's results; None where there is none."""

    psi: Tensor | None
    weight: Tensor | None


class StepRunner(Protocol):
    """One step, forward and backward."""

    def forward(self, psi: Tensor, factor: Tensor | None) -> Step:
        """Run a step from psi times `factor` (its noise), without gradients."""
        ...

    def backward(
        self, psi: Tensor, factor: Tensor | None, cotangent: Cotangent, *, needs_grad: bool
    ) -> Tensor | None:
        """Recompute the step, add to the parameters' gradients, return the gradient by psi.

        None where the cotangent is empty, or where psi needs no gradient. The step's graph
        is freed before this returns.
        """
        ...


class EagerRunner:
    """Launches the kernels of each step one by one."""

    def __init__(self, evolution: Evolution) -> None:
        self._evolution = evolution

    @torch.no_grad()
    def forward(self, psi: Tensor, factor: Tensor | None) -> Step:
        """Run a step without gradients."""
        return self._evolution.advance(psi if factor is None else psi * factor)

    def backward(
        self, psi: Tensor, factor: Tensor | None, cotangent: Cotangent, *, needs_grad: bool
    ) -> Tensor | None:
        """Recompute the step and differentiate it."""
        psi = psi.detach().requires_grad_(needs_grad)
        step = self._evolution.advance(psi if factor is None else psi * factor)
        pairs = [pair for pair in zip(step, cotangent, strict=True) if pair[1] is not None]
        if pairs:
            roots, gradients = zip(*pairs, strict=True)
            torch.autograd.backward(roots, gradients)
        return psi.grad


class GraphRunner:
    """Replays one captured CUDA graph for a step and one for its adjoint.

    Args:
        evolution: the step; its parameters must stay where they are.
        like: a state, complex (B, d_state, H, W), on the device: its shape is captured.

    The parameters' gradients must exist before the capture: the graph adds to them in place.

    Raises:
        RuntimeError: where this device, driver or model cannot be captured.
        torch.OutOfMemoryError: if memory is refused.

    """

    def __init__(self, evolution: Evolution, like: Tensor) -> None:
        self._psi = torch.zeros_like(like)
        self._psi[:, 0] = 1  # cells of norm 1: a warm-up on zeros would divide by zero
        self._cotangent = torch.zeros_like(like)
        self._weight_cotangent = torch.zeros_like(like.real[:, 0])
        pool = torch.cuda.graph_pool_handle()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP):
                self._capture_forward(evolution)
                self._capture_backward(evolution)
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        torch.cuda.empty_cache()  # what the warm-up took would stand beside the graphs' pool
        self._forward_graph, self._backward_graph = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._backward_graph, pool=pool):
            self._gradient = self._capture_backward(evolution)
        with torch.cuda.graph(self._forward_graph, pool=pool):
            self._next = self._capture_forward(evolution)

    def forward(self, psi: Tensor, factor: Tensor | None) -> Step:
        """Run a step without gradients."""
        self._load_input(psi, factor)
        self._forward_graph.replay()
        return Step(*(part.clone() for part in self._next))

    def backward(
        self, psi: Tensor, factor: Tensor | None, cotangent: Cotangent, *, needs_grad: bool
    ) -> Tensor | None:
        """Recompute the step and differentiate it."""
        if cotangent.psi is None and cotangent.weight is None:
            return None
        self._load_input(psi, factor)
        _copy_or_zero(self._cotangent, cotangent.psi)
        _copy_or_zero(self._weight_cotangent, cotangent.weight)
        self._backward_graph.replay()
        return self._gradient.clone() if factor is None else self._gradient * factor.conj()

    def _load_input(self, psi: Tensor, factor: Tensor | None) -> None:
        if factor is None:
            self._psi.copy_(psi)
        else:
            torch.mul(psi, factor, out=self._psi)

    @torch.no_grad()
    def _capture_forward(self, evolution: Evolution) -> Step:
        return evolution.advance(self._psi)

    def _capture_backward(self, evolution: Evolution) -> Tensor:
        psi = self._psi.detach().requires_grad_()
        step = evolution.advance(psi)
        torch.autograd.backward(list(step), [self._cotangent, self._weight_cotangent])
        assert psi.grad is not None
        return psi.grad


def _copy_or_zero(static: Tensor, value: Tensor | None) -> None:
    """Fill a captured graph's input, which must stay where it is."""
    if value is None:
        static.zero_()
    else:
        static.copy_(value)
