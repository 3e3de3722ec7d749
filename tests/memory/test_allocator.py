"""The rules by which PyTorch's allocator requests memory from the driver."""

import pytest

from qca.core.units import KIB, MIB
from qca.memory.allocator import (
    count_blocks_per_segment,
    pack_into_segments,
    round_to_block,
    round_to_segment,
)


@pytest.mark.parametrize(
    ("size", "block"), [(0, 512), (1, 512), (512, 512), (513, 1024), (MIB, MIB)]
)
def test_a_block_is_a_multiple_of_512_bytes(size: int, block: int) -> None:
    assert round_to_block(size) == block


@pytest.mark.parametrize(
    ("size", "segment"),
    [
        (4, 2 * MIB),
        (MIB, 2 * MIB),
        (MIB + 1, 20 * MIB),
        (10 * MIB - 512, 20 * MIB),
        (10 * MIB, 10 * MIB),
        (11 * MIB, 12 * MIB),
    ],
)
def test_the_segment_depends_on_the_size_of_the_block(size: int, segment: int) -> None:
    assert round_to_segment(size) == segment


def test_the_seeds_state_leaves_an_eighth_of_its_segment_empty() -> None:
    assert count_blocks_per_segment(448 * KIB) == 4  # 1.75 of 2 MiB


@pytest.mark.parametrize(
    ("sizes", "total"),
    [
        ([], 0),
        ([MIB, MIB], 2 * MIB),
        ([MIB, MIB, 1], 4 * MIB),
        ([6 * MIB] * 3, 20 * MIB),
        ([10 * MIB], 10 * MIB),
        ([6 * MIB] * 4, 40 * MIB),
        ([9 * MIB, 9 * MIB, 2 * MIB, 512], 22 * MIB),
        ([36 * MIB, 11 * MIB], 48 * MIB),
    ],
)
def test_blocks_share_segments(sizes: list[int], total: int) -> None:
    assert pack_into_segments(sizes) == total
