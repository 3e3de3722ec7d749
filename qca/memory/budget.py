"""How much memory a training takes, predicted without torch.

The peak of an episode is the sum of six terms that can be checked one by one:

===========  =================================================================
parameters   4 bytes for each, float32; under bf16 and fp16 2 more, for the copy
             that computes
gradients    4 bytes for each parameter, float32
optimizer    AdamW's two moments, and one step counter for each tensor; nothing where
             they are kept in host memory
states       those that the recompute strategy keeps: 8 bytes for each component
activations  what autograd keeps of the steps whose graph is alive, and what its
             backward needs beside them, at its peak
workspace    cuDNN's scratch memory and what the allocator rounds up; 0 on a CPU
===========  =================================================================

Beside them stands the context: what the process takes outside of torch's tensors, see
`qca.memory.context`.
"""

from dataclasses import dataclass, replace
from typing import Literal

from qca.core.config import (
    HALF_PRECISIONS,
    TENSOR_CORE_PRECISIONS,
    ResolvedRecompute,
    TrainConfig,
)
from qca.core.noise_schedule import has_noise
from qca.memory.activations import (
    EpisodeSizes,
    estimate_adjoint_memory,
    estimate_plain_activations,
    find_segment,
)
from qca.memory.allocator import estimate_rounding, estimate_winograd_workspace
from qca.memory.context import Context, estimate_context
from qca.memory.layers import FLOAT, HALF, Shape, list_parameter_sizes
from qca.memory.state_tensors import StateTensors, count_state_bytes

# What a captured step and its adjoint keep throughout, beside their pool: the state that comes
# out and the first state's gradient; and for each step of a segment the state that goes in, the
# gradient of what comes out, a squared norm for each of the two, and its noise.
GRAPH_RESULTS = StateTensors(2, 1)
GRAPH_INPUTS = StateTensors(2, 2)
GRAPH_NOISE = StateTensors(1, 0)


@dataclass(frozen=True)
class Breakdown:
    """Bytes at the peak."""

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

    recompute: ResolvedRecompute
    parameters: int
    """How many there are, not their bytes."""
    breakdown: Breakdown
    context: Context

    @property
    def context_bytes(self) -> int:
        """What the process takes outside of torch's tensors."""
        return self.context.total

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


def count_parameters(d_state: int, hidden_channels: int) -> int:
    """Return the number of parameters of UNetUnitary; 27,883,292 at 14 and 128."""
    return sum(list_parameter_sizes(d_state, hidden_channels))


def estimate(
    train: TrainConfig,
    *,
    recompute: ResolvedRecompute,
    device: Literal["cpu", "cuda"] = "cuda",
    together: bool = False,
    resident_floor: int | None = None,
) -> Estimate:
    """Predict the peak memory of one episode with its optimizer step, in each process.

    An `auto` that is left in `train` means fp32, and the optimizer's state on the device.
    `together` says that several processes train one model; `resident_floor` is what was measured
    of a CPU's context, see `estimate_context`.
    """
    shape = EpisodeSizes.from_config(train).shape
    tensors = list_parameter_sizes(train.d_state, train.hidden_channels)
    count = sum(tensors)
    half = HALF * count if train.precision in HALF_PRECISIONS else 0
    state = count_state_bytes(shape)
    if recompute == "none":
        states, activations = train.steps * state, estimate_plain_activations(train)
    else:
        states, activations = estimate_adjoint_memory(train, recompute, device=device)
    workspace = 0
    if device == "cuda":
        segment = 0 if recompute == "none" else find_segment(train)
        buffers = _count_graph_buffers(train, shape, segment)
        samples = replace(shape, batch_size=max(1, segment) * shape.batch_size)
        workspace = buffers + estimate_winograd_workspace(samples)
        moving = activations + buffers
        if train.batch_size > 1 and train.precision not in TENSOR_CORE_PRECISIONS:
            # Several samples make cuDNN's strict float32 hungrier than that (H200, torch 2.11).
            moving *= 2
        workspace += estimate_rounding(tensors, states=states // state, state=state, moving=moving)
    breakdown = Breakdown(
        parameters=FLOAT * count + half,
        gradients=FLOAT * count,
        optimizer=_estimate_optimizer(train, tensors, device),
        states=states,
        activations=activations,
        workspace=workspace,
    )
    context = estimate_context(
        device,
        operands=_count_operands(train, tensors) if device == "cpu" else 0,
        together=together,
        resident_floor=resident_floor,
    )
    return Estimate(recompute, count, breakdown, context)


def estimate_host_bytes(train: TrainConfig, recompute: ResolvedRecompute) -> int:
    """Return what a training on a GPU keeps in the host's memory."""
    states = 0
    if recompute == "host":
        # torch's allocator of pinned memory rounds up to a power of two
        # (aten/src/ATen/core/CachingHostAllocator.h).
        states = (
            1
            << (
                train.steps * count_state_bytes(EpisodeSizes.from_config(train).shape) - 1
            ).bit_length()
        )
    weights = FLOAT * count_parameters(train.d_state, train.hidden_channels)
    return states + (4 * weights if train.optimizer_state == "host" else 0)


def _count_graph_buffers(train: TrainConfig, shape: Shape, segment: int) -> int:
    """Return the bytes that captured graphs keep as their inputs and results."""
    if segment == 0:
        return 0
    noise = segment > 1 and has_noise(train.max_noise)
    inputs = GRAPH_INPUTS.count_bytes(shape) + noise * GRAPH_NOISE.count_bytes(shape)
    return GRAPH_RESULTS.count_bytes(shape) + segment * inputs


def _estimate_optimizer(train: TrainConfig, tensors: list[int], device: str) -> int:
    moments = 2 * FLOAT * sum(tensors) + FLOAT * len(tensors)
    if train.optimizer_state != "host":
        return moments
    # In host memory it works on copies of weights and gradients. On a CPU that is the same
    # memory: nothing is saved.
    return 0 if device == "cuda" else moments + 2 * FLOAT * sum(tensors)


def _count_operands(train: TrainConfig, tensors: list[int]) -> int:
    """Return what a CPU's kernels copy at most, as tried (`tests/memory/test_resident.py`)."""
    _, activations = estimate_adjoint_memory(train, "step", device="cpu")
    return activations + 2 * FLOAT * max(tensors)
