"""Estimate the GPU memory outside tensors: scratch memory, captured graphs, and rounding.

cuDNN's scratch memory depends on its heuristics and on the free memory. The constants below were
fitted to the reserved bytes of real training runs (`tests/memory/test_reserved.py`).
"""

from dataclasses import replace

from qca.core.config import TENSOR_CORE_PRECISIONS, TrainConfig
from qca.core.noise_schedule import has_noise
from qca.core.units import MIB
from qca.memory.allocator import estimate_rounding
from qca.memory.layers import FLOAT, Shape
from qca.memory.state_tensors import StateTensors, count_state_bytes

# Tensors that a captured step and its adjoint always keep, in addition to their pool: the output
# state and the first state's gradient, and for each step of a segment its input state, the gradient
# of its output, a squared norm of both, and its noise.
GRAPH_RESULTS = StateTensors(2, 1)
GRAPH_INPUTS = StateTensors(2, 2)
GRAPH_NOISE = StateTensors(1, 0)

# Constant scratch memory, and a multiple of the largest layer's float32 weights: for tensor cores,
# and for strict float32 by `qca.model.winograd` with cuBLAS's workspace.
_TENSOR_CORES, _TENSOR_CORES_WEIGHTS = 40 * MIB, 1.3
_STRICT, _STRICT_WEIGHTS = 80 * MIB, 2.9
# The share of temporary tensors lost in holes of the wrong size.
_PLAIN_HOLES, _STEP_HOLES, _SEGMENT_HOLES = 1 / 16, 1 / 4, 1 / 25


def estimate_workspace(
    train: TrainConfig, shape: Shape, segment: int, tensors: list[int], *, states: int, moving: int
) -> int:
    """Return the bytes that training reserves on a GPU in addition to its tensors.

    Args:
        train: the configuration.
        shape: the shape of one step.
        segment: number of steps that are differentiated as one batch; 0 for plain autograd.
        tensors: the number of elements of each parameter.
        states: the bytes of the saved states.
        moving: the bytes of temporary tensors, the activations.

    """
    graphs = _count_graph_bytes(train, shape, segment)
    largest = FLOAT * max(tensors)
    if segment and train.precision in TENSOR_CORE_PRECISIONS:
        scratch = _TENSOR_CORES + round(_TENSOR_CORES_WEIGHTS * largest)
        return graphs + scratch + round((_SEGMENT_HOLES if segment > 1 else _STEP_HOLES) * moving)
    samples = replace(shape, batch_size=max(1, segment) * shape.batch_size)
    cudnn = estimate_winograd_workspace(samples)
    if segment > 1:
        kept, spread = _count_transformed_bytes(samples)
        scratch = _STRICT + round(_STRICT_WEIGHTS * largest)
        return graphs + kept + max(spread, cudnn) + scratch
    # The graphs of plain autograd have equal sizes and leave few holes. With several samples,
    # cuDNN's strict float32 needs more (H200, torch 2.11).
    share = _PLAIN_HOLES if segment == 0 else _STEP_HOLES * (1 if train.batch_size == 1 else 2)
    state = count_state_bytes(shape)
    rounding = estimate_rounding(
        tensors, states=states // state, state=state, holes=round(share * (moving + graphs))
    )
    return graphs + cudnn + rounding


def estimate_winograd_workspace(shape: Shape) -> int:
    """Return the maximum scratch memory that a cuDNN algorithm other than FFT needs for a layer.

    Non-fused Winograd F(4x4, 3x3) writes its transformed operands to memory: 36 numbers
    for each 3x3 kernel, and 36 for each 4x4 tile of the input and of the output
    (Lavin and Gray 2015, arXiv 1509.09308, section 4.3). This bound is
    derived, not measured on a GPU.
    """
    return max(
        36 * i * o * FLOAT
        + 36 * shape.batch_size * _count_tiles(shape.grid >> halvings) * (i + o) * FLOAT
        for i, o, halvings in _list_convolutions(shape)
    )


def _count_graph_bytes(train: TrainConfig, shape: Shape, segment: int) -> int:
    """Return the bytes that captured graphs keep as their inputs and results."""
    if segment == 0:
        return 0
    noise = segment > 1 and has_noise(train.max_noise)
    inputs = GRAPH_INPUTS.count_bytes(shape) + noise * GRAPH_NOISE.count_bytes(shape)
    return GRAPH_RESULTS.count_bytes(shape) + segment * inputs


def _count_transformed_bytes(shape: Shape) -> tuple[int, int]:
    """Return the bytes of `qca.model.winograd` for the weights, and for the largest layer.

    It needs 16 numbers for each 3x3 kernel, and 16 for each 2x2 tile of the input and the output.
    """
    layers = _list_convolutions(shape)
    kept = sum(16 * i * o * FLOAT for i, o, _ in layers)
    taken = max(4 * (i + o) * shape.count_numbers(1, halvings) * FLOAT for i, o, halvings in layers)
    return kept, taken


def _list_convolutions(shape: Shape) -> list[tuple[int, int, int]]:
    """Return the input channels, output channels and number of grid halvings of each 3x3
    convolution."""
    c, field = shape.hidden_channels, 2 * shape.d_state
    blocks = [
        (field, c, 0),
        (c, 2 * c, 1),
        (2 * c, 4 * c, 2),
        (4 * c, 8 * c, 2),
        (6 * c, 4 * c, 1),
        (3 * c, c, 0),
    ]
    return [layer for i, o, halvings in blocks for layer in ((i, o, halvings), (o, o, halvings))]


def _count_tiles(side: int) -> int:
    return (-(-side // 4)) ** 2
