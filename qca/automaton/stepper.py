"""Run single steps without gradients, kernel by kernel or as a captured CUDA graph."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from qca.model.cuda_graphs import GraphPool, warm_up
from qca.model.evolution import Evolution, Step
from qca.model.noise import DrawFactor

Stepper = Callable[[Tensor], Step]
"""A function that returns the step after a state, complex64 (B, d_state, H, W)."""


class GraphStepper:
    """A stepper that replays a captured CUDA graph: one launch per step instead of about a hundred.

    Raises:
        RuntimeError: this device, driver or model does not support a capture.
        torch.OutOfMemoryError: the device has too little memory.

    """

    @torch.inference_mode()
    def __init__(self, evolution: Evolution, like: Tensor) -> None:
        self._psi = torch.zeros_like(like)
        self._psi[:, 0] = 1  # cells of norm 1: a warm-up on zeros would divide by zero
        run = partial(evolution.advance, self._psi)
        warm_up(run)
        self._step = GraphPool().capture(run)

    @torch.inference_mode()
    def __call__(self, psi: Tensor) -> Step:
        """Run one step."""
        self._psi.copy_(psi)
        return Step(*(part.clone() for part in self._step.replay()))


def make_stepper(evolution: Evolution, like: Tensor) -> Stepper:
    """Return the fastest stepper for states shaped like `like`: on a GPU a captured graph."""
    if like.device.type == "cuda":
        try:
            return GraphStepper(evolution, like)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:
            torch.cuda.synchronize()  # the capture failed; without it steps are slower but correct
    return torch.inference_mode()(evolution.advance)


def iterate_steps(
    stepper: Stepper, psi: Tensor, steps: int, *, draw_factor: DrawFactor | None = None
) -> Iterator[Step]:
    """Yield the state after each step from `psi`; noise multiplies a state by a factor before its
    step."""
    for t in range(steps):
        factor = draw_factor(psi, t) if draw_factor else None
        step = stepper(psi if factor is None else psi * factor)
        psi = step.psi
        yield step
