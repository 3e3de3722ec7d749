"""Predict how much memory a training run takes, without torch.

The peak of an episode is the sum of six terms that can be checked one by one:

===========  =================================================================
parameters   float32: 4 bytes for each; under bf16 and fp16 2 more, for the
             copy used to compute
gradients    4 bytes for each parameter, float32
optimizer    AdamW's two moments, and one step counter for each tensor; nothing where
             they are kept in host memory
states       the states that the recompute strategy keeps: 8 bytes for each
             component
activations  what autograd keeps of the steps whose graph is alive, and what its
             backward needs in addition, at its peak
workspace    scratch memory, graphs and what the allocator rounds up; 0 on a CPU
===========  =================================================================

The context is added to this: the memory of the process outside torch's tensors, see
`qca.memory.context`.
"""

from qca.core.config import (
    HALF_PRECISIONS,
    ResolvedRecompute,
    TrainConfig,
)
from qca.core.frozen import frozen_dataclass
from qca.memory.activations import (
    EpisodeSizes,
    estimate_adjoint_memory,
    find_segment,
    find_tapes,
)
from qca.memory.context import Context, estimate_context
from qca.memory.layers import FLOAT, HALF, list_parameter_sizes
from qca.memory.machine import Machine
from qca.memory.state_tensors import count_state_bytes
from qca.memory.workspace import estimate_workspace


@frozen_dataclass
class Breakdown:
    """Bytes of each term at the peak."""

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


@frozen_dataclass
class Estimate:
    """A predicted peak, and the memory that the process takes in addition."""

    recompute: ResolvedRecompute
    parameters: int
    """The number of parameters, not their bytes."""
    breakdown: Breakdown
    context: Context

    @property
    def context_bytes(self) -> int:
        """Memory of the process outside torch's tensors."""
        return self.context.total

    @property
    def predicted_peak_bytes(self) -> int:
        """Peak of the tensors, including allocator and workspace."""
        return self.breakdown.total

    @property
    def total_bytes(self) -> int:
        """Peak plus context, which must fit the budget."""
        return self.predicted_peak_bytes + self.context_bytes

    def fits(self, budget: int) -> bool:
        """Return whether peak and context together stay within `budget` bytes."""
        return self.total_bytes <= budget


def count_parameters(d_state: int, hidden_channels: int) -> int:
    """Return the number of parameters of UNetUnitary; for 14 and 128 it is 27,883,292."""
    return sum(list_parameter_sizes(d_state, hidden_channels))


def estimate(
    train: TrainConfig,
    *,
    recompute: ResolvedRecompute,
    machine: Machine,
) -> Estimate:
    """Predict the peak memory per process of one episode with its optimizer step.

    A remaining `auto` in `train` means fp32, and the optimizer's state on the device.
    """
    device, fused = machine.device, machine.fused
    episode = EpisodeSizes.from_config(train)
    tensors = list_parameter_sizes(train.d_state, train.hidden_channels)
    count = sum(tensors)
    half = HALF * count if train.precision in HALF_PRECISIONS else 0
    states, activations = estimate_adjoint_memory(train, recompute, device=device, fused=fused)
    workspace = 0
    if device == "cuda":
        segment, tapes = find_segment(train), find_tapes(train, recompute)
        # The tape of one segment counts as temporary tensors.
        others = tapes - min(segment, tapes)
        workspace = estimate_workspace(
            train,
            episode.shape,
            segment,
            tensors,
            states=states,
            moving=activations - episode.sum_tapes(others, train.steps, has_adjoint=True),
            recorded=_count_copies(episode, segment, tapes) if tapes else 0,
            fused=fused,
        )
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
        together=machine.together,
        resident_floor=machine.resident_floor,
    )
    return Estimate(recompute, count, breakdown, context)


def estimate_host_bytes(train: TrainConfig, recompute: ResolvedRecompute) -> int:
    """Return the bytes that a training run on a GPU keeps in host memory."""
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


def _count_copies(episode: EpisodeSizes, segment: int, tapes: int) -> int:
    """Return the bytes of the records of a step and of a segment, between which tapes are copied.

    The tape of a shorter segment has the rows of a whole one.
    """
    rows = 1 + segment + -tapes % segment
    return rows * episode.get_segment(1).compute_tape()


def _estimate_optimizer(train: TrainConfig, tensors: list[int], device: str) -> int:
    moments = 2 * FLOAT * sum(tensors) + FLOAT * len(tensors)
    if train.optimizer_state != "host":
        return moments
    # An optimizer in host memory works on copies of weights and gradients. On a CPU that is the
    # same memory, so nothing is saved.
    return 0 if device == "cuda" else moments + 2 * FLOAT * sum(tensors)


def _count_operands(train: TrainConfig, tensors: list[int]) -> int:
    """Return the bytes that a CPU's kernels copy; see `tests/memory/test_resident.py`."""
    _, activations = estimate_adjoint_memory(
        train.override(tapes=0), "step", device="cpu", fused=False
    )
    return activations + 2 * FLOAT * max(tensors)
