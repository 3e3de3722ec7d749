"""Predict the bytes that CUDA's allocator reserves beyond its tensors, because it rounds up.

The rules are those of PyTorch's `CUDACachingAllocator` (c10/core/AllocatorConfig.h and
c10/cuda/CUDACachingAllocator.cpp): a block is a multiple of 512 bytes; blocks up to
1 MiB share segments of 2 MiB, blocks under 10 MiB share segments of 20 MiB, and a larger block has
its own segment, rounded up to 2 MiB.
"""

from collections.abc import Iterable, Sequence

from qca.core.units import MIB
from qca.memory.layers import FLOAT

BLOCK = 512
SMALL, SMALL_SEGMENT = MIB, 2 * MIB
LARGE, LARGE_SEGMENT = 10 * MIB, 20 * MIB
SEGMENT_STEP = 2 * MIB


def estimate_rounding(tensors: Sequence[int], *, states: int, state: int, holes: int) -> int:
    """Return the bytes that the allocator reserves beyond those of its tensors.

    `tensors` are the numbers of elements of the parameters, each held four times (weights,
    gradients, two moments). These and the states are packed in order; `holes` are the bytes
    lost because temporary tensors leave holes of the wrong size.
    """
    sizes = 4 * [FLOAT * elements for elements in tensors]
    parameters = pack_into_segments(sizes) - sum(sizes)
    kept = states * (round_to_segment(state) // count_blocks_per_segment(state) - state)
    return parameters + kept + holes + 2 * (LARGE_SEGMENT + SMALL_SEGMENT)


def round_to_block(size: int) -> int:
    """Return the size of the block that holds `size` bytes."""
    return max(1, -(-size // BLOCK)) * BLOCK


def round_to_segment(size: int) -> int:
    """Return the size of the segment that the driver provides for a block of `size` bytes."""
    block = round_to_block(size)
    if block <= SMALL:
        return SMALL_SEGMENT
    if block < LARGE:
        return LARGE_SEGMENT
    return -(-block // SEGMENT_STEP) * SEGMENT_STEP


def count_blocks_per_segment(size: int) -> int:
    """Return the number of blocks of `size` bytes in one segment."""
    return round_to_segment(size) // round_to_block(size)


def pack_into_segments(sizes: Iterable[int]) -> int:
    """Return the bytes of the segments that hold tensors of these sizes, allocated by first fit."""
    free: dict[int, list[int]] = {SMALL_SEGMENT: [], LARGE_SEGMENT: []}
    total = 0
    for size in sizes:
        block, segment = round_to_block(size), round_to_segment(size)
        if block >= LARGE:
            total += segment
            continue
        holes = free[segment]
        fit = next((index for index, hole in enumerate(holes) if hole >= block), None)
        if fit is None:
            total += segment
            holes.append(segment - block)
        else:
            holes[fit] -= block
    return total
