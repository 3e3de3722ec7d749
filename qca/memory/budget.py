"""How much memory a training takes, predicted without torch.

The peak of an episode is the sum of six terms that a person can check one by one:

===========  =================================================================
parameters   4 bytes for each, float32
gradients    as large as the parameters
optimizer    AdamW's two moments, and one step counter for each tensor
states       the fields that the recompute plan keeps: 8 bytes for each component
activations  what autograd keeps of the steps whose graph is alive, and what its
             backward needs beside them, at the worst moment
workspace    cuDNN's scratch memory and what the allocator rounds up; 0 on a CPU
===========  =================================================================

Beside them stands `context_bytes`: what the process takes outside of torch's tensors. On
CUDA it is the driver's context; on a CPU the interpreter with torch and its libraries.
"""

from dataclasses import dataclass
from typing import Literal

from qca.config import TrainConfig
from qca.memory.activations import (
    Episode,
    optimizer_activations,
    plain_activations,
    step_activations,
)
from qca.memory.allocator import rounding, winograd_workspace
from qca.memory.fields import state_bytes
from qca.memory.layers import FLOAT, parameter_shapes
from qca.units import MIB

Plan = Literal["none", "step"]
PLANS: tuple[Plan, ...] = ("none", "step")
"""Fastest first: `none` runs each step forward once, `step` twice."""

# NVIDIA's context with the kernels that are loaded: 621 MiB at the first tensor, 641 after a
# training (NVML's free memory before and after, less what the allocator holds; H100, driver
# 580, torch 2.11). Smaller cards hold fewer multiprocessors' stacks, hence less.
CUDA_CONTEXT = 656 * MIB
# The interpreter with torch 2.13 and its thread pool on x86-64 Linux: 335 MiB at the peak of
# a training whose tensors take 8 MiB (VmHWM, `tests/memory/test_resident.py`); 5 % on top.
CPU_CONTEXT = 352 * MIB


@dataclass(frozen=True)
class Breakdown:
    """Bytes at the moment of the peak."""

    parameters: int
    gradients: int
    optimizer: int
    states: int
    activations: int
    workspace: int

    @property
    def total(self) -> int:
        """The predicted peak."""
        return (
            self.parameters
            + self.gradients
            + self.optimizer
            + self.states
            + self.activations
            + self.workspace
        )


@dataclass(frozen=True)
class Estimate:
    """A predicted peak, and the memory that the process takes beside it."""

    recompute: Plan
    parameters: int
    """How many there are, not their bytes."""
    breakdown: Breakdown
    context_bytes: int

    @property
    def predicted_peak_bytes(self) -> int:
        """What the training's tensors take at most, allocator and workspace included."""
        return self.breakdown.total

    @property
    def total_bytes(self) -> int:
        """Peak and context: what has to fit a budget."""
        return self.predicted_peak_bytes + self.context_bytes

    def fits(self, budget: int) -> bool:
        """Say whether peak and context together stay within `budget` bytes."""
        return self.total_bytes <= budget


def parameter_count(d_state: int, hidden_channels: int) -> int:
    """Return the number of parameters of UNetUnitary; 27,883,292 at 14 and 128."""
    return sum(parameter_shapes(d_state, hidden_channels))


def estimate(
    train: TrainConfig, *, recompute: Plan, device: Literal["cpu", "cuda"] = "cuda"
) -> Estimate:
    """Predict the peak memory of one episode with its optimizer step, in float32."""
    shape = Episode.of(train).shape
    tensors = parameter_shapes(train.d_state, train.hidden_channels)
    weights = FLOAT * sum(tensors)
    state = state_bytes(shape)
    episode = plain_activations(train) if recompute == "none" else step_activations(train)
    # AdamW's step comes when the states but the first are free again.
    optimizer = optimizer_activations(tensors, device=device)
    activations = max(episode, optimizer - (train.steps - 1) * state)
    workspace = 0
    if device == "cuda":
        # Its roots do not fit into the segments that the states leave behind.
        moving = max(episode, optimizer)
        workspace = moving - activations + winograd_workspace(shape)
        workspace += rounding(tensors, states=train.steps, state=state, moving=moving)
    breakdown = Breakdown(
        parameters=weights,
        gradients=weights,
        optimizer=2 * weights + FLOAT * len(tensors),
        states=train.steps * state,
        activations=activations,
        workspace=workspace,
    )
    return Estimate(recompute, sum(tensors), breakdown, _context(train, tensors, device))


def _context(train: TrainConfig, tensors: list[int], device: str) -> int:
    """Return what the process takes outside of torch's tensors.

    On a CPU the libraries grow with the work: oneDNN copies a convolution's operands into
    its own blocked layout, and malloc keeps much of what is given back. One step's
    activations and twice the largest weight held for all that was tried; see
    `tests/memory/test_resident.py`.
    """
    if device == "cuda":
        return CUDA_CONTEXT
    return CPU_CONTEXT + step_activations(train) + 2 * FLOAT * max(tensors)
