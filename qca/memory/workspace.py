"""Estimate the GPU memory outside tensors: scratch memory, captured graphs, and rounding.

cuDNN's scratch memory depends on its heuristics and on the free memory. The constants below were
fitted to the reserved bytes of real training runs (`tests/memory/test_reserved.py`).
"""

from dataclasses import replace
from typing import NamedTuple

from qca.core.config import TENSOR_CORE_PRECISIONS, TrainConfig
from qca.core.noise_schedule import has_noise
from qca.core.units import MIB
from qca.memory.allocator import estimate_rounding
from qca.memory.layers import FLOAT, Shape
from qca.memory.state_tensors import StateTensors, count_state_bytes

# Tensors that a captured step and its adjoint always keep, in addition to their pool: the output
# state and the first state's gradient, and for each step of a segment its input state, the gradient
# of its output, a squared norm for each of the two, and its noise.
GRAPH_RESULTS = StateTensors(2, 1)
GRAPH_INPUTS = StateTensors(2, 2)
GRAPH_NOISE = StateTensors(1, 0)


class _Scratch(NamedTuple):
    """Scratch memory and fragmentation, without the buffers of captured graphs."""

    fixed: int
    weights: float
    """Multiples of the largest layer's weights in float32."""
    holes: float = 0.0
    """The share of temporary tensors lost in holes of the wrong size."""

    def count_bytes(self, largest: int, moving: int) -> int:
        return self.fixed + round(self.weights * largest + self.holes * moving)


_FUSED = _Scratch(34 * MIB, 0.6, 1 / 16)
# Strict float32 includes cuBLAS's workspace. What one layer needs is added: at least this multiple
# of the largest layer's weights.
_FUSED_STRICT, _FUSED_STRICT_LAYER = _Scratch(80 * MIB, 2.2), 3.5
# These apply without the kernels. In strict float32 the holes grow with the batch.
_STEPS, _SEGMENTS = _Scratch(40 * MIB, 1.3, 1 / 4), _Scratch(40 * MIB, 1.3, 1 / 25)
_STRICT_SEGMENTS, _MOST_HOLES = _Scratch(80 * MIB, 4.3, 1 / 30), 1 / 2
_STEP_HOLES, _STEP_BATCH_HOLES = 1 / 4, 1 / 2
_TAPE_HOLES = 1 / 10


def estimate_workspace(
    train: TrainConfig,
    shape: Shape,
    segment: int,
    tensors: list[int],
    *,
    states: int,
    moving: int,
    fused: bool,
    recorded: int = 0,
) -> int:
    """Return the bytes that training reserves on a GPU in addition to its tensors.

    Args:
        train: the configuration.
        shape: the shape of one step.
        segment: number of steps that are differentiated as one batch.
        tensors: the number of elements of each parameter.
        states: the bytes of the saved states.
        moving: the bytes of the activations, which are temporary tensors.
        fused: whether `qca.model.kernels` are used.
        recorded: the bytes of the records that tapes are copied from and to.

    """
    graphs = _count_graph_bytes(train, shape, segment, fused=fused or recorded > 0)
    strict, largest = train.precision not in TENSOR_CORE_PRECISIONS, FLOAT * max(tensors)
    graphs += recorded
    if recorded and not strict:
        # A segment's record is also kept while its weights' gradients are added, and two graphs
        # leave more holes than one.
        graphs += largest + round(_TAPE_HOLES * moving)
    samples = replace(shape, batch_size=segment * shape.batch_size)
    if fused and strict:
        kept, spread = _count_transformed_bytes(samples)
        layer = max(spread, round(_FUSED_STRICT_LAYER * largest))
        return graphs + kept + layer + _FUSED_STRICT.count_bytes(largest, moving)
    if segment > 1 or not strict:
        scratch = _choose_scratch(segment, train.batch_size, strict=strict, fused=fused)
        return graphs + scratch.count_bytes(largest, moving)
    share = _STEP_HOLES if train.batch_size == 1 else _STEP_BATCH_HOLES
    holes = round(share * (moving + graphs))
    state = count_state_bytes(shape)
    rounding = estimate_rounding(tensors, states=states // state, state=state, holes=holes)
    return graphs + estimate_winograd_workspace(samples) + rounding


def _choose_scratch(segment: int, batch: int, *, strict: bool, fused: bool) -> _Scratch:
    if fused:
        return _FUSED
    if strict:
        holes = min(_MOST_HOLES, batch * _STRICT_SEGMENTS.holes)
        return _STRICT_SEGMENTS._replace(holes=holes)
    return _STEPS if segment == 1 else _SEGMENTS


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


def _count_graph_bytes(train: TrainConfig, shape: Shape, segment: int, *, fused: bool) -> int:
    """Return the bytes that captured graphs keep as their inputs and results."""
    noise = (segment > 1 or fused) and has_noise(train.max_noise)
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
