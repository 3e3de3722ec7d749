"""Estimate the time of a step for each recompute strategy, from measured or built-in figures.

The built-in figures are from one card and the full model. They rank the strategies correctly on
another card if its kernels scale in the same way; `qca estimate --measure` replaces them.
"""

from collections.abc import Sequence
from typing import NamedTuple

from qca.core.config import ResolvedDevice, ResolvedPrecision, ResolvedRecompute
from qca.core.step_timing import StepTiming


class _StepCost(NamedTuple):
    """Milliseconds per step, forward and backward: 500 steps of the full model, batch 1."""

    fixed: float
    """Cost of a step that does not depend on the segment."""
    shared: float
    """Cost that a segment of k steps pays once instead of k times."""
    forward: float
    """Cost of recomputing the state after a step."""
    tape: float
    """Cost that a tape saves: recomputing the step, less copying its tape twice."""


# H200, torch 2.11, captured CUDA graphs with `qca.model.kernels`; `fixed` and `shared` are from
# segments of 1 step and of 8 in fp32, 16 otherwise. Segments of 2 and 4 are within 3% of this.
_CUDA_COSTS: dict[ResolvedPrecision, _StepCost] = {
    "fp32": _StepCost(fixed=2.09, shared=0.88, forward=0.64, tape=0.34),
    "tf32": _StepCost(fixed=1.28, shared=0.70, forward=0.36, tape=0.04),
    "bf16": _StepCost(fixed=0.85, shared=0.68, forward=0.32, tape=0.0),
    "fp16": _StepCost(fixed=0.85, shared=0.68, forward=0.32, tape=0.0),
}
_CUDA_HOST_COPY = 0.06  # copying a state to pinned memory and back
# In strict float32 a segment of 16 measured slower than one of 8.
_LONGEST_SEGMENT: dict[ResolvedPrecision, int] = {"fp32": 8}
_LONGEST_TENSOR_CORE_SEGMENT = 16

# On a CPU one step already uses all cores. The unit is a step of plain autograd; the forward pass
# is a third of it.
_CPU_COSTS: dict[ResolvedRecompute, float] = {
    "none": 1.0,
    "step": 1.08,
    "two-level": 1.4,
    "host": 1.1,
}


# Error of the whole gradient after 500 steps of the full model, untrained, relative to its norm in
# fp32 (H100, torch 2.11; docs/model.md).
DRIFT: dict[ResolvedPrecision, float] = {"fp32": 0, "tf32": 5e-4, "bf16": 6e-3, "fp16": 8e-4}


def estimate_step_cost(
    recompute: ResolvedRecompute,
    precision: ResolvedPrecision,
    segment: int,
    *,
    device: ResolvedDevice,
    taped: float = 0.0,
    timings: Sequence[StepTiming] = (),
) -> float:
    """Return the mean cost of a step, in a unit that is comparable only on the same device.

    `taped` is the share of the steps that keep a tape, which cost the same as with `none`. With
    `timings` of this device the unit is seconds: the measured time or, for a strategy that was
    not measured, the built-in figure, scaled by the ratio of measured time to built-in figure for
    the most similar strategy that was measured.
    """
    if taped and recompute != "none":
        recomputed = estimate_step_cost(
            recompute, precision, segment, device=device, timings=timings
        )
        kept = estimate_step_cost("none", precision, segment, device=device, timings=timings)
        return (1 - taped) * recomputed + taped * kept
    figure = _look_up_cost(recompute, precision, segment, device)
    if not timings:
        return figure

    def rate_similarity(timing: StepTiming) -> tuple[bool, bool, int]:
        distance = abs(timing.segment - segment)
        return timing.precision == precision, timing.recompute == recompute, -distance

    similar = max(timings, key=rate_similarity)
    measured = _look_up_cost(similar.recompute, similar.precision, similar.segment, device)
    return figure * similar.seconds / measured


def _look_up_cost(
    recompute: ResolvedRecompute, precision: ResolvedPrecision, segment: int, device: ResolvedDevice
) -> float:
    if device == "cpu":
        return _CPU_COSTS[recompute]
    cost = _CUDA_COSTS[precision]
    extra = {
        "none": -cost.tape,
        "step": 0.0,
        "two-level": cost.forward,
        "host": _CUDA_HOST_COPY,
    }[recompute]
    return cost.fixed + cost.shared / segment + extra


def list_segments(precision: ResolvedPrecision, steps: int, *, device: ResolvedDevice) -> list[int]:
    """Return the segment lengths that are worth trying, fastest first."""
    if device == "cpu":
        return [1]
    longest = _LONGEST_SEGMENT.get(precision, _LONGEST_TENSOR_CORE_SEGMENT)
    return [length for length in (16, 8, 4, 2, 1) if length <= min(longest, steps)]
