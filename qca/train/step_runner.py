"""How one step is made, and how its gradient is pulled back: eagerly, or as CUDA graphs.

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


class Pull(NamedTuple):
    """The gradient that arrives at a step's results; None where there is none."""

    psi: Tensor | None
    weight: Tensor | None


class Steps(Protocol):
    """One step, forward and back."""

    def ahead(self, psi: Tensor, factor: Tensor | None) -> Step:
        """Make a step from psi times `factor` (its noise), without gradients."""
        ...

    def back(
        self, psi: Tensor, factor: Tensor | None, pull: Pull, *, wanted: bool
    ) -> Tensor | None:
        """Make the step again, add to the parameters' gradients, return the one of psi.

        None where no gradient arrived, or where psi's is not `wanted`. The step's graph is
        gone when this returns.
        """
        ...


class EagerSteps:
    """Makes each step as it is asked for."""

    def __init__(self, evolution: Evolution) -> None:
        self._evolution = evolution

    @torch.no_grad()
    def ahead(self, psi: Tensor, factor: Tensor | None) -> Step:
        """Make a step without gradients."""
        return self._evolution.advance(psi if factor is None else psi * factor)

    def back(
        self, psi: Tensor, factor: Tensor | None, pull: Pull, *, wanted: bool
    ) -> Tensor | None:
        """Make the step again and go back through it."""
        psi = psi.detach().requires_grad_(wanted)
        step = self._evolution.advance(psi if factor is None else psi * factor)
        given = [pair for pair in zip(step, pull, strict=True) if pair[1] is not None]
        if given:
            roots, pulled = zip(*given, strict=True)
            torch.autograd.backward(roots, pulled)
        return psi.grad


class GraphedSteps:
    """Replays one captured graph for a step and one for its adjoint.

    Args:
        evolution: the step; its parameters must stay where they are.
        like: a state, complex (B, d_state, H, W), on the device: its shape is captured.

    The parameters' gradients must be there: the graph adds to them where they are.

    Raises:
        RuntimeError: where this device, driver or model cannot be captured.
        torch.OutOfMemoryError: if memory is refused.

    """

    def __init__(self, evolution: Evolution, like: Tensor) -> None:
        self._psi = torch.zeros_like(like)
        self._psi[:, 0] = 1  # cells of norm 1: a warm-up on zeros would divide by zero
        self._pulled = torch.zeros_like(like)
        self._weight_pulled = torch.zeros_like(like.real[:, 0])
        pool = torch.cuda.graph_pool_handle()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP):
                self._ahead(evolution)
                self._back(evolution)
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        torch.cuda.empty_cache()  # what the warm-up took would stand beside the graphs' pool
        self._graph_ahead, self._graph_back = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph_back, pool=pool):
            self._gradient = self._back(evolution)
        with torch.cuda.graph(self._graph_ahead, pool=pool):
            self._next = self._ahead(evolution)

    def ahead(self, psi: Tensor, factor: Tensor | None) -> Step:
        """Make a step without gradients."""
        self._take_in(psi, factor)
        self._graph_ahead.replay()
        return Step(*(part.clone() for part in self._next))

    def back(
        self, psi: Tensor, factor: Tensor | None, pull: Pull, *, wanted: bool
    ) -> Tensor | None:
        """Make the step again and go back through it."""
        if pull.psi is None and pull.weight is None:
            return None
        self._take_in(psi, factor)
        for static, pulled in ((self._pulled, pull.psi), (self._weight_pulled, pull.weight)):
            static.zero_() if pulled is None else static.copy_(pulled)
        self._graph_back.replay()
        return self._gradient.clone() if factor is None else self._gradient * factor.conj()

    def _take_in(self, psi: Tensor, factor: Tensor | None) -> None:
        if factor is None:
            self._psi.copy_(psi)
        else:
            torch.mul(psi, factor, out=self._psi)

    @torch.no_grad()
    def _ahead(self, evolution: Evolution) -> Step:
        return evolution.advance(self._psi)

    def _back(self, evolution: Evolution) -> Tensor:
        psi = self._psi.detach().requires_grad_()
        step = evolution.advance(psi)
        torch.autograd.backward(list(step), [self._pulled, self._weight_pulled])
        assert psi.grad is not None
        return psi.grad
