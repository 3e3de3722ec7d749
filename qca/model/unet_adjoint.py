"""UNetUnitary's forward pass over a batch of known states, and its adjoint, slice by slice.

Autograd cannot backpropagate through one sample of a batch at the cost of one sample. Here the
forward pass runs once over the states of several steps and saves the tensors for the adjoint. The
backward pass then processes the rows of one step after another. The gradient of each convolution's
output overwrites the saved output, so at the end one product per layer gives the weight gradients
of all rows.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from qca.model.convolution_adjoint import (
    Convolution,
    UpConvolution,
    is_strict,
    read_memory_format,
)
from qca.model.kernels import Kernels, find_kernels
from qca.model.norm_elu import FusedNormElu, NormElu, PlainNormElu
from qca.model.unet import ConvBlock, UNetUnitary
from qca.model.winograd import Winograd

_aten = torch.ops.aten


class UNetAdjoint:
    """A network's forward pass over the states of several steps, and its adjoint step by step.

    Args:
        model: the network, in the number format in which it computes.
        learned: the parameters whose `.grad` receives the gradients, in the order of the model's
            parameters; by default the model's own.

    Call `refresh` before the first use and whenever the weights have changed. Then call `forward`,
    `backward` once for the rows of each step, and `add_weight_gradients`.
    """

    def __init__(self, model: UNetUnitary, learned: Sequence[nn.Parameter] | None = None) -> None:
        own = list[Tensor](model.parameters())
        self._learned = dict(zip(own, own if learned is None else learned, strict=True))
        self._format = read_memory_format(own[0])
        self._dtype = own[0].dtype
        kernels = find_kernels(own[0])
        self._inc, self._bot = _Block(model.inc, kernels), _Block(model.bot, kernels)
        self._down1 = _Block(model.down1[1], kernels)
        self._down2 = _Block(model.down2[1], kernels)
        self._pool1, self._pool2 = _Pool(), _Pool()
        make_up = UpConvolution if is_strict(own[0], kernels) else Convolution
        self._up1, self._up2 = make_up(model.up1), make_up(model.up2)
        self._conv_up1 = _Block(model.conv_up1, kernels)
        self._conv_up2 = _Block(model.conv_up2, kernels)
        self._outc = Convolution(model.outc)

    def refresh(self) -> None:
        """Use the current weights, after they have changed."""
        for layer in self._list_layers():
            layer.refresh()

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Return the output for x, (N, 2 * d_state, H, W); `backward` may overwrite that output.

        N is the number of steps times the batch.
        """
        full = self._inc.forward(x.to(self._dtype, memory_format=self._format))
        half = self._down1.forward(self._pool1.forward(full))
        deep = self._bot.forward(self._down2.forward(self._pool2.forward(half)))
        half = self._conv_up1.forward(torch.cat([self._up1.forward(deep), half], dim=1))
        full = self._conv_up2.forward(torch.cat([self._up2.forward(half), full], dim=1))
        return self._outc.forward(full).to(x.dtype)

    @torch.no_grad()
    def backward(self, rows: slice, cotangent: Tensor) -> Tensor:
        """Return the gradient of some rows of the input from that of their output.

        Both are float (rows, 2 * d_state, H, W).
        """
        full = self._conv_up2.backward(rows, self._outc.backward(rows, cotangent.to(self._dtype)))
        up, full = full.tensor_split([self._up2.out_channels], dim=1)
        half = self._conv_up1.backward(rows, self._up2.backward(rows, up))
        up, half = half.tensor_split([self._up1.out_channels], dim=1)
        deep = self._down2.backward(rows, self._bot.backward(rows, self._up1.backward(rows, up)))
        half = self._down1.backward(rows, self._pool2.backward(rows, deep) + half)
        full = self._pool1.backward(rows, half) + full
        return self._inc.backward(rows, full).to(cotangent.dtype)

    @torch.no_grad()
    def add_weight_gradients(self) -> None:
        """Add the weight gradients of all rows to `.grad`, and free the saved tensors."""
        self._pool1.clear()
        self._pool2.clear()
        for part in self._list_parts():
            for parameter, gradient in part.pop_weight_gradients():
                _add_gradient(self._learned[parameter], gradient)

    def list_saved(self) -> list[Tensor]:
        """Return what `backward` needs from the last forward; a tensor may occur several times."""
        assert self._outc.cotangent is not None
        saved = [tensor for part in self._list_all() for tensor in part.list_saved()]
        return [*saved, self._outc.cotangent]

    def load_saved(self, saved: Sequence[Tensor]) -> None:
        """Use what `list_saved` returned instead of what the last forward saved."""
        remaining = iter(saved)
        for part in self._list_all():
            part.load_saved(remaining)
        self._up1.allocate_cotangent()
        self._up2.allocate_cotangent()
        self._outc.cotangent = next(remaining)

    def clear(self) -> None:
        """Free the saved tensors of a forward that is not differentiated."""
        for part in self._list_all():
            part.clear()

    def _list_all(self) -> Iterator["_Layer | Convolution | _Pool"]:
        yield from (*self._list_parts(), self._pool1, self._pool2)

    def _list_parts(self) -> Iterator["_Layer | Convolution"]:
        yield from (*self._list_layers(), self._up1, self._up2, self._outc)

    def _list_layers(self) -> Iterator["_Layer"]:
        for block in (self._inc, self._down1, self._down2, self._bot):
            yield from block.layers
        yield from (*self._conv_up1.layers, *self._conv_up2.layers)


class _Layer:
    """A 3x3 convolution with GroupNorm and ELU."""

    def __init__(self, conv: nn.Conv2d, norm: nn.GroupNorm, kernels: Kernels | None) -> None:
        self._format = read_memory_format(conv.weight)
        self._norm: NormElu
        winograd = None
        if kernels is None:
            self._norm = PlainNormElu(norm, self._format)
        else:
            self._norm = FusedNormElu(norm, kernels)
            if is_strict(conv.weight, kernels):
                winograd = Winograd(conv.weight, kernels)
        self._convolution = Convolution(conv, winograd)

    def refresh(self) -> None:
        self._convolution.refresh()

    def forward(self, x: Tensor) -> Tensor:
        out = self._norm.order(self._convolution.forward(x))
        self._convolution.cotangent = _view_in_format(out, self._format)
        return self._norm.forward(out)

    def backward(self, rows: slice, cotangent: Tensor) -> Tensor:
        gradient = self._norm.backward(rows, cotangent)
        if self._norm.in_place:
            return self._convolution.pull_back(rows)
        return self._convolution.backward(rows, gradient)

    def pop_weight_gradients(self) -> Iterator[tuple[Tensor, Tensor]]:
        weight, bias = self._norm.pop_weight_gradients()
        yield from self._convolution.pop_weight_gradients()
        yield self._norm.norm.weight, weight
        yield self._norm.norm.bias, bias

    def list_saved(self) -> list[Tensor]:
        return [*self._convolution.list_saved(), *self._norm.list_saved()]

    def load_saved(self, saved: Iterator[Tensor]) -> None:
        self._convolution.load_saved(saved)
        out = self._norm.load_saved(saved)
        self._convolution.cotangent = _view_in_format(out, self._format)

    def clear(self) -> None:
        self._norm.clear()
        self._convolution.clear()


class _Block:
    """Two layers in sequence."""

    def __init__(self, block: nn.Module, kernels: Kernels | None) -> None:
        assert isinstance(block, ConvBlock)
        conv1, norm1, _, conv2, norm2, _ = block.conv_block
        self.layers = (_Layer(conv1, norm1, kernels), _Layer(conv2, norm2, kernels))  # pyright: ignore

    def forward(self, x: Tensor) -> Tensor:
        return self.layers[1].forward(self.layers[0].forward(x))

    def backward(self, rows: slice, cotangent: Tensor) -> Tensor:
        return self.layers[0].backward(rows, self.layers[1].backward(rows, cotangent))


class _Pool:
    """A max-pool that halves both sides of the grid."""

    def __init__(self) -> None:
        self._kept: tuple[Tensor, Tensor] | None = None
        """The input, and the index of each maximum in it."""

    def forward(self, x: Tensor) -> Tensor:
        out, indices = _aten.max_pool2d_with_indices(x, [2, 2], [2, 2])
        self._kept = x, indices
        return out

    def backward(self, rows: slice, cotangent: Tensor) -> Tensor:
        assert self._kept is not None
        x, indices = (tensor[rows] for tensor in self._kept)
        return _aten.max_pool2d_with_indices_backward(
            cotangent, x, [2, 2], [2, 2], [0, 0], [1, 1], False, indices
        )

    def list_saved(self) -> tuple[Tensor, Tensor]:
        assert self._kept is not None
        return self._kept

    def load_saved(self, saved: Iterator[Tensor]) -> None:
        self._kept = next(saved), next(saved)

    def clear(self) -> None:
        self._kept = None


def _view_in_format(x: Tensor, memory_format: torch.memory_format) -> Tensor:
    """Return a view of the same memory and shape in which each sample has another layout."""
    if x.is_contiguous(memory_format=memory_format):
        return x
    n, c, h, w = x.shape
    return x.view(n, h, w, c).permute(0, 3, 1, 2)


def _add_gradient(parameter: Tensor, gradient: Tensor) -> None:
    if parameter.grad is None:
        parameter.grad = gradient.to(parameter.dtype)
    else:
        parameter.grad.add_(gradient)
