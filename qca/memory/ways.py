"""List the ways to compute an episode that are worth measuring on a device."""

from collections.abc import Iterator
from typing import NamedTuple

from qca.core.config import ResolvedDevice, ResolvedPrecision, ResolvedRecompute, TrainConfig
from qca.memory.cost import list_segments

# tf32 and bfloat16 need compute capability 8.0 (Ampere), float16 arithmetic 5.3 (CUDA
# C Programming Guide, "Arithmetic Instructions").
_TENSOR_CORES = (8, 0)
_HALF_ARITHMETIC = (5, 3)


class Way(NamedTuple):
    """A way to compute an episode."""

    recompute: ResolvedRecompute
    segment: int
    precision: ResolvedPrecision


def list_precisions(compute_capability: tuple[int, int] | None) -> list[ResolvedPrecision]:
    """Return the precisions that a GPU supports natively, fp32 first; None means a CPU."""
    if compute_capability is None or compute_capability < _HALF_ARITHMETIC:
        return ["fp32"]
    if compute_capability < _TENSOR_CORES:
        return ["fp32", "fp16"]
    return ["fp32", "tf32", "bf16", "fp16"]


def list_ways(
    train: TrainConfig, device: ResolvedDevice, precisions: list[ResolvedPrecision]
) -> Iterator[Way]:
    """Yield the ways to measure: each precision with the longest and the shortest segment.

    `two-level` is measured in fp32 only, and so is `host` on a GPU and `none` on a CPU.
    """
    for precision in precisions:
        lengths = list_segments(precision, train.steps, device=device)
        for length in sorted({lengths[0], 1}, reverse=True):
            yield Way("step", length, precision)
    longest = list_segments("fp32", train.steps, device=device)[0]
    yield Way("two-level", longest, "fp32")
    yield Way("host", longest, "fp32") if device == "cuda" else Way("none", 1, "fp32")
