"""One step without gradients: its kernels launched one by one, or as a captured CUDA graph."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from qca.model.evolution import Evolution, Step

_WARM_UP = 3  # passes before a capture, as torch's documentation of CUDA graphs has it

Stepper = Callable[[Tensor], Step]
"""Return the step after a state, complex64 (B, d_state, H, W), without gradients."""
DrawFactor = Callable[[Tensor, int], Tensor | None]
"""Return what a state is multiplied with before step t, as `qca.model.noise.Noise` draws it."""


class GraphStepper:
    """Replays one captured CUDA graph for a step: one launch where there were a hundred.

    Raises:
        RuntimeError: where this device, driver or model cannot be captured.
        torch.OutOfMemoryError: if memory is refused.

    """

    @torch.inference_mode()
    def __init__(self, evolution: Evolution, like: Tensor) -> None:
        self._psi = torch.zeros_like(like)
        self._psi[:, 0] = 1  # cells of norm 1: a warm-up on zeros would divide by zero
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP):
                evolution.advance(self._psi)
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._next = evolution.advance(self._psi)

    @torch.inference_mode()
    def __call__(self, psi: Tensor) -> Step:
        """Run one step."""
        self._psi.copy_(psi)
        self._graph.replay()
        return Step(*(part.clone() for part in self._next))


def make_stepper(evolution: Evolution, like: Tensor) -> Stepper:
    """Return the fastest stepper for states like `like`; on a GPU a captured graph."""
    if like.device.type == "cuda":
        try:
            return GraphStepper(evolution, like)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:
            torch.cuda.synchronize()  # a capture that failed; step by step is slower, not wrong
    return torch.inference_mode()(evolution.advance)


def iterate_steps(
    stepper: Stepper, psi: Tensor, steps: int, *, draw_factor: DrawFactor | None = None
) -> Iterator[Step]:
    """Yield each step after `psi`; noise, if there is any, disturbs the state before its step."""
    for t in range(steps):
        factor = draw_factor(psi, t) if draw_factor else None
        step = stepper(psi if factor is None else psi * factor)
        psi = step.psi
        yield step
