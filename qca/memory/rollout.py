"""Predict the peak memory of a rollout (steps without gradients) in closed form, without torch."""

from collections.abc import Iterator
from typing import Literal

from qca.core.config import Update
from qca.memory.budget import count_parameters
from qca.memory.context import estimate_context
from qca.memory.layers import FLOAT, Shape, list_parameter_sizes
from qca.memory.state_tensors import StateTensors, count_state_bytes
from qca.memory.workspace import estimate_winograd_workspace

# (update, damped) -> the tensors at the peak of a step with a no-op network, including psi, counted
# with `tests.support.live_bytes`, see tests/memory/test_rollout.py.
UPDATES: dict[tuple[Update, bool], StateTensors] = {
    ("cartesian", False): StateTensors(5, 0),
    ("cartesian", True): StateTensors(5, 0),
    ("unitary", False): StateTensors(6, 11),
    ("unitary", True): StateTensors(7, 12),
}


def estimate_rollout(
    shape: Shape,
    update: Update,
    gamma: float,
    *,
    device: Literal["cpu", "cuda"],
    held_states: int = 0,
) -> int:
    """Return the bytes that a rollout adds to its process at its peak, including a GPU's context.

    `held_states` is the number of states on the device that wait to be copied to the host.
    """
    needed = FLOAT * count_parameters(shape.d_state, shape.hidden_channels)
    needed += 2 * estimate_step(shape, update, gamma) + held_states * count_state_bytes(shape)
    if device == "cuda":
        context = estimate_context(device)
        return needed + context.total + estimate_winograd_workspace(shape)
    # As in training, the CPU's kernels copy operands into their own layout.
    return needed + 2 * FLOAT * max(list_parameter_sizes(shape.d_state, shape.hidden_channels))


def estimate_step(shape: Shape, update: Update, gamma: float) -> int:
    """Return the bytes of all tensors except the weights at the peak of one step."""
    in_network = count_state_bytes(shape) + max(_list_forward_bytes(shape))
    return max(in_network, UPDATES[update, gamma > 0].count_bytes(shape))


def _list_forward_bytes(shape: Shape) -> Iterator[int]:
    """Yield the bytes alive at the peak of each block of UNetUnitary, including its input."""
    c = shape.hidden_channels
    x = shape.map_bytes(2 * shape.d_state)
    full, half, deep = shape.map_bytes(c), shape.map_bytes(2 * c, 1), shape.map_bytes(4 * c, 2)
    yield x + _block_peak(shape, c, 0)
    yield x + full + shape.map_bytes(c, 1) + _block_peak(shape, 2 * c, 1)
    yield x + full + half + shape.map_bytes(2 * c, 2) + _block_peak(shape, 4 * c, 2)
    yield x + full + half + deep + _block_peak(shape, 8 * c, 2)
    bottom, joined = shape.map_bytes(8 * c, 2), shape.map_bytes(6 * c, 1)
    yield x + full + half + bottom + joined + _block_peak(shape, 4 * c, 1)
    half, joined = shape.map_bytes(4 * c, 1), shape.map_bytes(3 * c)
    yield x + full + half + bottom + joined + _block_peak(shape, c, 0)


def _block_peak(shape: Shape, channels: int, halvings: int) -> int:
    """Return the bytes that a block allocates at its peak, for a convolution's input and result."""
    return 2 * shape.map_bytes(channels, halvings)
