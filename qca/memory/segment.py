"""The memory of the adjoint of several consecutive steps; see `qca.train.segment`.

The tensors saved by the batched forward stay until the weights' gradients are added, layer by
layer. The peak is their sum plus the largest temporary tensors, unless it occurs later, while those
gradients are added.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from qca.core.frozen import frozen_dataclass
from qca.core.unet_shape import count_groups
from qca.memory.layers import FLOAT, INDEX, Shape
from qca.memory.state_tensors import OpMemory, StateTensors, count_state_bytes


class Layer(NamedTuple):
    """A convolution with its saved tensors and gradients; sizes in bytes."""

    kept: int
    """Bytes of the tensors that the forward saves until this layer's weights have their gradient.
    """
    weights: int
    """Bytes of the weights' gradient, in the network's number format."""
    gradient: int
    """Bytes of the weights' float32 gradient in `.grad`."""


@frozen_dataclass
class SegmentSizes:
    """Computes the bytes of a segment's adjoint, without states, weights and gradients."""

    shape: Shape
    """The shape of one step."""
    length: int
    update: OpMemory
    forward: StateTensors
    """The tensors of the update without autograd, see `state_tensors.FORWARDS`."""
    noise: bool
    sums: bool = True
    """Whether the loss's gradient with respect to a state is added to that of the next step."""

    def compute_peak(self, *, first: bool = False) -> int:
        """Return the peak number of bytes alive.

        With `first`, `.grad` was cleared before, and gradients are allocated as they are added; the
        result is relative to the memory use with all of them allocated.
        """
        layers, kept = self._list_layers(), self._sum_kept()
        missing = sum(layer.gradient for layer in layers) if first else 0
        peak = kept - missing + self._compute_transient()
        others = 3 * count_state_bytes(self.shape) + self._count_affine()
        for layer in layers:
            added = layer.weights
            if first and layer.weights != layer.gradient:
                added += layer.gradient  # converted from the half-precision one, with both alive
            peak = max(peak, kept - missing + added + others)
            kept -= layer.kept
            missing -= layer.gradient if first else 0
        return self._count_inputs() + peak

    def compute_tape(self) -> int:
        """Return the bytes of the steps' records, see `qca.train.tape`.

        The outputs of the transposed convolutions are not needed later.
        """
        c, size = self.shape.hidden_channels, self.shape.map_bytes
        return (
            self._sum_kept() - self.length * (size(4 * c, 1) + size(2 * c)) + self._count_inputs()
        )

    def compute_record_peak(self) -> int:
        """Return the bytes that running the steps takes, including their records and results."""
        return self._sum_kept() + self._count_inputs() + self.forward.count_bytes(self.shape)

    def _list_layers(self) -> tuple[Layer, ...]:
        return list_layers(replace(self.shape, batch_size=self.length * self.shape.batch_size))

    def _sum_kept(self) -> int:
        return sum(layer.kept for layer in self._list_layers())

    def _count_inputs(self) -> int:
        """Return the bytes of the steps' input states, and with a 16-bit format also of the output
        fields."""
        half = self.shape.element != FLOAT
        return (1 + half + self.noise) * self.length * count_state_bytes(self.shape)

    def _compute_transient(self) -> int:
        """Return the bytes of temporary tensors while the gradient passes back through one step."""
        shape, c, state = self.shape, self.shape.hidden_channels, count_state_bytes(self.shape)
        update = self.update.peak.count_bytes(shape)
        # The gradients of both skip connections, and three maps around the first max-pool.
        # Three states are alive with them, as are the gradients of the GroupNorms, which accumulate
        # from step to step. A fourth state is alive only when the maps are smaller.
        affine = self._count_affine()
        network = shape.map_bytes(6 * c, 1) + shape.map_bytes(6 * c) + 3 * state
        network += max(state, affine)
        # For a single step, the loss's gradient is added before.
        sums = self.sums and self.length > 1
        return max(update + affine, network) + (1 + sums) * state

    def _count_affine(self) -> int:
        """Return the bytes of the gradients of all GroupNorms' weights and biases, in float32."""
        c = self.shape.hidden_channels
        return 2 * 2 * (c + 2 * c + 4 * c + 8 * c + 4 * c + c) * FLOAT


@cache  # for the same reason as `qca.memory.layers.list_nodes`
def list_layers(shape: Shape) -> tuple[Layer, ...]:
    """Return the convolutions of `UNetAdjoint`, in the order in which their gradients are added."""
    c, field, size = shape.hidden_channels, 2 * shape.d_state, shape.map_bytes
    pooled = size(c, 1) + shape.count_numbers(c, 1) * INDEX
    pooled_twice = size(2 * c, 2) + shape.count_numbers(2 * c, 2) * INDEX
    return (
        *_list_block(shape, field, c, 0, kept=size(field)),
        *_list_block(shape, c, 2 * c, 1, kept=pooled),
        *_list_block(shape, 2 * c, 4 * c, 2, kept=pooled_twice),
        *_list_block(shape, 4 * c, 8 * c, 2, kept=0),
        *_list_block(shape, 6 * c, 4 * c, 1, kept=size(6 * c, 1)),
        *_list_block(shape, 3 * c, c, 0, kept=size(3 * c)),
        _make_layer(shape, size(4 * c, 1), 4 * 8 * c * 4 * c),
        _make_layer(shape, size(2 * c), 4 * 4 * c * 2 * c),
        _make_layer(shape, size(field), c * field),
    )


def _list_block(shape: Shape, i: int, o: int, halvings: int, *, kept: int) -> Iterator[Layer]:
    """Yield both layers of a block; `kept` is the size of its input unless another block saves it.

    A layer saves its convolution's output with GroupNorm's statistics, and its result.
    """
    out = shape.map_bytes(o, halvings)
    statistics = 2 * shape.batch_size * count_groups(o) * FLOAT
    yield _make_layer(shape, kept + out + statistics, 9 * i * o)
    yield _make_layer(shape, 3 * out + statistics, 9 * o * o)


def _make_layer(shape: Shape, kept: int, weights: int) -> Layer:
    return Layer(kept, weights * shape.element, weights * FLOAT)
