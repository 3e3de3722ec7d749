"""The sizes of the tensors that autograd saves in a pass of UNetUnitary, and when it frees them.

This is the layer table of `qca.model.unet` without torch. A forward pass is a list of
`Node`; autograd walks it from last to first, and each node frees its saved tensors. All sizes are
in bytes, in the network's number format unless stated otherwise.
"""

from collections.abc import Iterator, Sequence
from functools import cache

from qca.core.frozen import frozen_dataclass
from qca.core.unet_shape import count_groups

FLOAT = 4
HALF = 2
INDEX = 8  # max_pool2d saves the index of each maximum as int64


@frozen_dataclass
class Node:
    """One differentiable operation of the pass; sizes in bytes."""

    name: str
    produced: int
    """The gradient that its backward produces, as large as its input."""
    kept: int = 0
    """Bytes of the saved tensors that this node is the last to use in the backward."""
    weights: int = 0
    """The gradient of its weights, a separate tensor until it is added to `.grad`."""
    gradient: int = 0
    """The bytes of its weights in `.grad`, float32 in every precision."""
    held: int = 0
    """Bytes that stay alive from this node's backward until the skip connection is used."""
    released: int = 0
    """Bytes of a skip connection that are freed after this node's backward: its gradient
    and the produced one are then replaced by their sum."""


@frozen_dataclass
class Shape:
    """The parameters that one pass of the network depends on."""

    grid: int
    d_state: int
    hidden_channels: int
    batch_size: int
    element: int = FLOAT
    """Bytes per number in the network: an activation, or a weight's gradient before it is added."""

    def map_bytes(self, channels: int, halvings: int = 0) -> int:
        """Return the bytes of `channels` feature maps after the given number of max-pools."""
        return self.count_numbers(channels, halvings) * self.element

    def count_numbers(self, channels: int, halvings: int = 0) -> int:
        """Return the elements of `channels` feature maps after the given number of max-pools."""
        return self.batch_size * channels * (self.grid >> halvings) ** 2


def list_parameter_sizes(d_state: int, hidden_channels: int) -> list[int]:
    """Return the number of elements of each parameter tensor, in state-dict order."""
    c, field = hidden_channels, 2 * d_state
    sizes: list[int] = []
    for i, o in ((field, c), (c, 2 * c), (2 * c, 4 * c), (4 * c, 8 * c)):
        sizes += _list_block_parameters(i, o)
    sizes += [8 * c * 4 * c * 4, 4 * c, *_list_block_parameters(6 * c, 4 * c)]
    sizes += [4 * c * 2 * c * 4, 2 * c, *_list_block_parameters(3 * c, c)]
    return [*sizes, c * field, field]


def _list_block_parameters(i: int, o: int) -> list[int]:
    return [9 * i * o, o, o, 9 * o * o, o, o]


@cache  # a plan compares dozens of alternatives with the same few shapes
def list_nodes(shape: Shape) -> tuple[Node, ...]:
    """Return the nodes of one forward pass of UNetUnitary, in order."""
    c, field = shape.hidden_channels, 2 * shape.d_state
    low, high = shape.map_bytes(6 * c, 1), shape.map_bytes(3 * c)
    return (
        *_list_block_nodes(shape, "inc", field, c, 0),
        _make_pool_node(shape, "down1", c, 0, released=high),
        *_list_block_nodes(shape, "down1", c, 2 * c, 1),
        _make_pool_node(shape, "down2", 2 * c, 1, released=low),
        *_list_block_nodes(shape, "down2", 2 * c, 4 * c, 2),
        *_list_block_nodes(shape, "bot", 4 * c, 8 * c, 2, fresh=False),
        _make_up_node(shape, "up1", 8 * c, 4 * c, 2),
        Node("cat1", produced=0, held=low),
        *_list_block_nodes(shape, "conv_up1", 6 * c, 4 * c, 1),
        _make_up_node(shape, "up2", 4 * c, 2 * c, 1),
        Node("cat2", produced=0, held=high),
        *_list_block_nodes(shape, "conv_up2", 3 * c, c, 0),
        Node("outc", shape.map_bytes(c), **_size_weights(shape, c * field + field)),
    )


def _list_block_nodes(
    shape: Shape, name: str, i: int, o: int, halvings: int, *, fresh: bool = True
) -> Iterator[Node]:
    """Yield the nodes of a block: convolution, GroupNorm and ELU, twice.

    A convolution saves its input, GroupNorm its input and statistics. ELU works in place and saves
    its result, which is also the next layer's saved input: that storage is freed after ELU's own
    backward. If the input is not `fresh`, it is the result of an ELU.
    """
    out = shape.map_bytes(o, halvings)
    statistics = 2 * shape.batch_size * count_groups(o) * FLOAT
    for number, channels in enumerate((i, o)):
        input_bytes = shape.map_bytes(channels, halvings)
        kept = input_bytes if fresh and number == 0 else 0
        yield Node(
            f"{name}.{3 * number}",
            input_bytes,
            kept,
            **_size_weights(shape, 9 * channels * o),
        )
        yield Node(f"{name}.{3 * number + 1}", out, out + statistics, **_size_weights(shape, 2 * o))
        yield Node(f"{name}.{3 * number + 2}", out, out)


def _make_pool_node(shape: Shape, name: str, channels: int, halvings: int, released: int) -> Node:
    input_bytes = shape.map_bytes(channels, halvings)
    indices = shape.count_numbers(channels, halvings + 1) * INDEX
    return Node(f"{name}.pool", input_bytes, indices, released=released)


def _make_up_node(shape: Shape, name: str, i: int, o: int, halvings: int) -> Node:
    return Node(name, shape.map_bytes(i, halvings), **_size_weights(shape, 4 * i * o + o))


def _size_weights(shape: Shape, count: int) -> dict[str, int]:
    return {"weights": count * shape.element, "gradient": count * FLOAT}


def sum_kept_bytes(nodes: Sequence[Node]) -> int:
    """Return the bytes that autograd saves in one forward pass."""
    return sum(node.kept for node in nodes)


def compute_backward_peak(nodes: Sequence[Node], gradient: int, *, first: bool = False) -> int:
    """Return the peak number of bytes alive during the backward of one pass.

    During a node's backward, its saved tensors, its incoming gradient, the gradient that it
    produces and its weights' gradient are alive together.

    Args:
        nodes: the pass, in order.
        gradient: bytes of the gradient that arrives at the last node.
        first: whether `.grad` was cleared before, so that the weights' gradients are allocated as
        they are computed. The result is relative to the memory use with all of them allocated.

    """
    missing = sum(node.gradient for node in nodes) if first else 0
    alive, arrived, peak = sum_kept_bytes(nodes) - missing, gradient, 0
    for node in reversed(nodes):
        added = node.weights
        if first and node.weights != node.gradient:
            added += node.gradient  # converted from half precision, with both alive
        skip_sum = node.produced if node.released else 0
        peak = max(peak, alive + arrived + node.produced + added + skip_sum)
        alive += node.held - node.kept - node.released + (node.gradient if first else 0)
        arrived = node.produced
    return peak
