"""A convolution over a batch of known states, and its adjoint for a slice of the batch.

The gradient of the output overwrites the output, which the adjoint does not need. The gradient of
the weights is one product over the whole batch.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from qca.model.kernels import Kernels
from qca.model.winograd import Winograd

_aten = torch.ops.aten


class Convolution:
    """A convolution, transposed or not, that saves its input and the gradient of its output.

    It maps (N, inputs, H, W) to (N, outputs, H', W') in the number format of its weights. `rows` is
    a slice of the N samples: those of one step.
    """

    def __init__(
        self, conv: nn.Conv2d | nn.ConvTranspose2d, winograd: Winograd | None = None
    ) -> None:
        self._conv = conv
        self._winograd = winograd
        self._input: Tensor | None = None
        self.cotangent: Tensor | None = None
        """The gradient of the output; `forward` sets it to the output itself, which serves as the
        buffer."""
        self.out_channels = conv.out_channels

    def refresh(self) -> None:
        """Use the current weights, after they have changed."""
        if self._winograd is not None:
            self._winograd.refresh()

    def forward(self, x: Tensor) -> Tensor:
        """Return the output, and save what the adjoint needs."""
        self._input = x
        if self._winograd is not None and self._winograd.can_convolve(x):
            out = self._winograd.convolve(x)
        else:
            out = self._conv(x)
        self.cotangent = out
        return out

    def backward(self, rows: slice, cotangent: Tensor) -> Tensor:
        """Return the input's gradient for some rows, given the output's gradient for them."""
        assert self.cotangent is not None
        self.cotangent[rows] = cotangent
        return self.pull_back(rows)

    def pull_back(self, rows: slice) -> Tensor:
        """Return the input's gradient from the output's, which is already stored."""
        assert self.cotangent is not None
        if self._winograd is not None and self._winograd.can_convolve(self.cotangent[rows]):
            return self._winograd.convolve_adjoint(self.cotangent[rows])
        (gradient, _, _) = self._run_backward(rows, (True, False, False))
        return gradient

    def list_saved(self) -> list[Tensor]:
        """Return what the adjoint needs from the forward: the input."""
        assert self._input is not None
        return [self._input]

    def load_saved(self, saved: Iterator[Tensor]) -> None:
        """Take the next tensor that `list_saved` returned."""
        self._input = next(saved)

    def allocate_cotangent(self) -> None:
        """Allocate the gradient of the output, for a loaded input."""
        assert self._input is not None
        samples, _, *sides = self._input.shape
        shape = (samples, self.out_channels, *(side * self._conv.stride[0] for side in sides))
        self.cotangent = torch.empty(
            shape,
            dtype=self._input.dtype,
            device=self._input.device,
            memory_format=read_memory_format(self._conv.weight),
        )

    def clear(self) -> None:
        """Free the saved tensors."""
        self._input = self.cotangent = None

    def pop_weight_gradients(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the weight and the bias with their gradients over all rows, and free the saved
        tensors."""
        has_bias = self._conv.bias is not None
        _, weight, bias = self._run_backward(slice(None), (False, True, has_bias))
        self.clear()
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


class UpConvolution(Convolution):
    """A transposed 2x2 convolution with a stride of 2, as a matrix product.

    Each input cell alone determines four output cells. In strict float32, cuDNN takes 130 us for
    one sample; the arithmetic alone would take 20 us (H200, torch 2.11).
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the output, and save what the adjoint needs."""
        self._input = x
        samples, _, height, width = x.shape
        conv, channels = self._conv, self.out_channels
        assert conv.bias is not None
        product = torch.matmul(conv.weight.flatten(1).T, x.flatten(2))
        corners = product.view(samples, channels, 2, 2, height, width).permute(0, 1, 4, 2, 5, 3)
        self.cotangent = out = x.new_empty(samples, channels, 2 * height, 2 * width)
        cells = out.view(samples, channels, height, 2, width, 2)
        torch.add(corners, conv.bias.view(-1, 1, 1, 1, 1), out=cells)
        return out

    def pull_back(self, rows: slice) -> Tensor:
        """Return the input's gradient from the output's, which is already stored."""
        assert self.cotangent is not None
        samples, channels, height, width = self.cotangent[rows].shape
        cells = self.cotangent[rows].view(samples, channels, height // 2, 2, width // 2, 2)
        corners = cells.permute(0, 1, 3, 5, 2, 4).reshape(samples, 4 * channels, -1)
        gradient = torch.matmul(self._conv.weight.flatten(1), corners)
        return gradient.view(samples, -1, height // 2, width // 2)


def is_strict(weight: Tensor, kernels: Kernels | None) -> bool:
    """Return whether to replace cuDNN, which is not the fastest in float32 without tensor cores."""
    plain = read_memory_format(weight) == torch.contiguous_format
    return kernels is not None and weight.dtype == torch.float32 and plain


def read_memory_format(weight: Tensor) -> torch.memory_format:
    """Return the memory format of a network with weights like this one."""
    last = weight.is_contiguous(memory_format=torch.channels_last) and not weight.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format
