"""UNetUnitary's forward pass over a batch of known states, and its adjoint slice by slice.

Autograd cannot backpropagate through one sample of a batch at the cost of one. Here the forward
pass runs once over the states of several steps and saves what the adjoint needs; the backward pass
then visits the rows of one step after another. The gradient of each convolution's output overwrites
the saved output, so that at the end one product per layer gives the weight gradients of all rows.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from qca.model.unet import ConvBlock, UNetUnitary

_aten = torch.ops.aten


class UNetAdjoint:
    """A network's forward pass over the states of several steps, and its adjoint step by step.

    Args:
        model: the network, in the number format that it computes in.
        learned: the parameters whose `.grad` receives the gradients, in the order of the model's
            parameters; by default these.

    Call `forward`, then `backward` once for the rows of each step, then `add_weight_gradients`.
    """

    def __init__(self, model: UNetUnitary, learned: Sequence[nn.Parameter] | None = None) -> None:
        own = list[Tensor](model.parameters())
        self._learned = dict(zip(own, own if learned is None else learned, strict=True))
        self._format = _read_memory_format(own[0])
        self._dtype = own[0].dtype
        self._inc, self._bot = _Block(model.inc), _Block(model.bot)
        self._down1, self._down2 = _Block(model.down1[1]), _Block(model.down2[1])
        self._pool1, self._pool2 = _Pool(), _Pool()
        self._up1, self._up2 = _Convolution(model.up1), _Convolution(model.up2)
        self._conv_up1, self._conv_up2 = _Block(model.conv_up1), _Block(model.conv_up2)
        self._outc = _Convolution(model.outc)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Return the model's output for (N, 2 * d_state, H, W); `backward` may overwrite it."""
        full = self._inc.forward(x.to(self._dtype, memory_format=self._format))
        half = self._down1.forward(self._pool1.forward(full))
        deep = self._bot.forward(self._down2.forward(self._pool2.forward(half)))
        half = self._conv_up1.forward(torch.cat([self._up1.forward(deep), half], dim=1))
        full = self._conv_up2.forward(torch.cat([self._up2.forward(half), full], dim=1))
        return self._outc.forward(full).to(x.dtype)

    @torch.no_grad()
    def backward(self, rows: slice, cotangent: Tensor) -> Tensor:
        """Return the gradient of the input for some rows, from the gradient of their output."""
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
        for part in (*self._list_layers(), self._up1, self._up2, self._outc):
            for parameter, gradient in part.pop_weight_gradients():
                _add_gradient(self._learned[parameter], gradient)

    def _list_layers(self) -> Iterator["_Layer"]:
        for block in (self._inc, self._down1, self._down2, self._bot):
            yield from block.layers
        yield from (*self._conv_up1.layers, *self._conv_up2.layers)


class _Convolution:
    """A convolution, transposed or not; saves its input and the gradient of its output."""

    def __init__(self, conv: nn.Conv2d | nn.ConvTranspose2d) -> None:
        self._conv = conv
        self._input: Tensor | None = None
        self.cotangent: Tensor | None = None
        """The gradient of the output; `forward` sets it to the output itself, as a buffer."""
        self.out_channels = conv.out_channels

    def forward(self, x: Tensor) -> Tensor:
        self._input = x
        self.cotangent = out = self._conv(x)
        return out

    def backward(self, rows: slice, cotangent: Tensor) -> Tensor:
        assert self.cotangent is not None
        self.cotangent[rows] = cotangent
        (gradient, _, _) = self._run_backward(rows, (True, False, False))
        return gradient

    def pop_weight_gradients(self) -> Iterator[tuple[Tensor, Tensor]]:
        has_bias = self._conv.bias is not None
        _, weight, bias = self._run_backward(slice(None), (False, True, has_bias))
        self._input = self.cotangent = None
        yield self._conv.weight, weight
        if self._conv.bias is not None:
            yield self._conv.bias, bias

    def _run_backward(
        self, rows: slice, mask: tuple[bool, bool, bool]
    ) -> tuple[Tensor, Tensor, Tensor]:
        conv = self._conv
        assert self.cotangent is not None
        assert self._input is not None
        return _aten.convolution_backward(
            self.cotangent[rows],
            self._input[rows],
            conv.weight,
            [conv.out_channels] if mask[2] else None,
            conv.stride,
            conv.padding,
            conv.dilation,
            conv.transposed,
            conv.output_padding,
            conv.groups,
            mask,
        )


class _Layer:
    """A 3x3 convolution with GroupNorm and ELU."""

    def __init__(self, conv: nn.Conv2d, norm: nn.GroupNorm) -> None:
        self._convolution = _Convolution(conv)
        self._norm = norm
        self._format = _read_memory_format(conv.weight)
        self._kept: tuple[Tensor, Tensor, Tensor, Tensor] | None = None
        """GroupNorm's input, its means and reciprocal standard deviations, and ELU's output."""
        self._affine: tuple[Tensor, Tensor] | None = None
        """The gradients of GroupNorm's weight and bias so far, at least in float32."""

    def forward(self, x: Tensor) -> Tensor:
        # CUDA's GroupNorm reads only the contiguous layout, tensor cores prefer channels-last.
        normed = self._convolution.forward(x).contiguous()
        self._convolution.cotangent = _view_in_format(normed, self._format)
        out, mean, rstd = _aten.native_group_norm(
            normed, self._norm.weight, self._norm.bias, *self._count_numbers(normed), self._norm.eps
        )
        out = _aten.elu_(out).contiguous(memory_format=self._format)
        self._kept = normed, mean, rstd, out
        return out

    def backward(self, rows: slice, cotangent: Tensor) -> Tensor:
        assert self._kept is not None
        normed, mean, rstd, out = (tensor[rows] for tensor in self._kept)
        cotangent = _aten.elu_backward(cotangent, 1.0, 1.0, 1.0, True, out)
        cotangent, weight, bias = _aten.native_group_norm_backward(
            cotangent.contiguous(),
            normed,
            mean,
            rstd,
            self._norm.weight,
            *self._count_numbers(normed),
            (True, True, True),
        )
        self._add_affine(weight, bias)
        return self._convolution.backward(rows, cotangent)

    def pop_weight_gradients(self) -> Iterator[tuple[Tensor, Tensor]]:
        assert self._affine is not None
        (weight, bias), self._affine, self._kept = self._affine, None, None
        yield from self._convolution.pop_weight_gradients()
        yield self._norm.weight, weight
        yield self._norm.bias, bias

    def _count_numbers(self, x: Tensor) -> tuple[int, int, int, int]:
        """Return the numbers of samples, channels, cells and groups, in GroupNorm's order."""
        return x.shape[0], x.shape[1], x.shape[2] * x.shape[3], self._norm.num_groups

    def _add_affine(self, weight: Tensor, bias: Tensor) -> None:
        wide = torch.promote_types(weight.dtype, torch.float32)
        weight, bias = weight.to(wide), bias.to(wide)
        if self._affine is None:
            self._affine = weight, bias
        else:
            # With its overload named: to find it, torch would first print what the others refuse,
            # which waits for a GPU and ends the capture of a graph.
            _aten._foreach_add_.List(list(self._affine), [weight, bias])


class _Block:
    """Two layers, one after the other."""

    def __init__(self, block: nn.Module) -> None:
        assert isinstance(block, ConvBlock)
        conv1, norm1, _, conv2, norm2, _ = block.conv_block
        self.layers = (_Layer(conv1, norm1), _Layer(conv2, norm2))  # pyright: ignore

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

    def clear(self) -> None:
        self._kept = None


def _read_memory_format(weight: Tensor) -> torch.memory_format:
    last = weight.is_contiguous(memory_format=torch.channels_last) and not weight.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


def _view_in_format(x: Tensor, memory_format: torch.memory_format) -> Tensor:
    """Return a view of the same memory and shape in another layout of each sample."""
    if memory_format == torch.contiguous_format:
        return x
    n, c, h, w = x.shape
    return x.view(n, h, w, c).permute(0, 3, 1, 2)


def _add_gradient(parameter: Tensor, gradient: Tensor) -> None:
    if parameter.grad is None:
        parameter.grad = gradient.to(parameter.dtype)
    else:
        parameter.grad.add_(gradient)
