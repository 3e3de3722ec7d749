"""GroupNorm with ELU and their adjoint: plain operators, or fused kernels on a GPU.

PyTorch's CUDA GroupNorm reads only the contiguous layout: in a channels-last network its input is
copied to that layout, and its output is copied back for the next convolution. The fused kernels
read both layouts.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import islice
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from qca.model.kernels import Chunks, Kernels

_aten = torch.ops.aten


class Saved(NamedTuple):
    """The tensors that the forward saves for the backward."""

    x: Tensor
    """GroupNorm's input."""
    means: Tensor
    rstds: Tensor
    """The reciprocal standard deviations."""
    out: Tensor
    """The output of ELU."""

    def select(self, rows: slice) -> "Saved":
        """Return the saved tensors of some of the samples."""
        return Saved(*(tensor[rows] for tensor in self))


class NormElu(ABC):
    """GroupNorm with ELU over the states of several steps, and its adjoint step by step.

    All tensors are (N, channels, H, W) in the number format of the network. `rows` is a slice of
    the N samples: those of one step.
    """

    in_place: ClassVar[bool]
    """Whether the input's gradient overwrites the input."""

    def __init__(self, norm: nn.GroupNorm) -> None:
        self.norm = norm
        self._saved: Saved | None = None

    @abstractmethod
    def order(self, x: Tensor) -> Tensor:
        """Return x in a memory format that `forward` accepts."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Return ELU(GroupNorm(x))."""

    @abstractmethod
    def backward(self, rows: slice, cotangent: Tensor) -> Tensor:
        """Return the gradient of some rows of the input from that of the result."""

    @abstractmethod
    def pop_weight_gradients(self) -> tuple[Tensor, Tensor]:
        """Return the gradients of the weight and the bias over all rows, and free the saved
        tensors."""

    def list_saved(self) -> Saved:
        """Return what the backward needs from the forward."""
        assert self._saved is not None
        return self._saved

    def load_saved(self, saved: Iterator[Tensor]) -> Tensor:
        """Take the next tensors that `list_saved` returned, and return GroupNorm's input."""
        self._saved = Saved(*islice(saved, len(Saved._fields)))
        return self._saved.x

    def clear(self) -> None:
        """Free the saved tensors."""
        self._saved = None


class PlainNormElu(NormElu):
    """GroupNorm with ELU, computed with PyTorch's operators.

    Args:
        norm: the GroupNorm.
        memory_format: the memory format of the network.

    """

    in_place = False

    def __init__(self, norm: nn.GroupNorm, memory_format: torch.memory_format) -> None:
        super().__init__(norm)
        self._format = memory_format
        self._affine: tuple[Tensor, Tensor] | None = None
        """The gradients of weight and bias so far, at least in float32."""

    def order(self, x: Tensor) -> Tensor:
        """Return x in the contiguous layout."""
        return x.contiguous()

    def forward(self, x: Tensor) -> Tensor:
        """Return ELU(GroupNorm(x))."""
        norm = self.norm
        out, mean, rstd = _aten.native_group_norm(
            x, norm.weight, norm.bias, *self._count_numbers(x), norm.eps
        )
        out = _aten.elu_(out).contiguous(memory_format=self._format)
        self._saved = Saved(x, mean, rstd, out)
        return out

    def backward(self, rows: slice, cotangent: Tensor) -> Tensor:
        """Return the gradient of some rows of the input."""
        assert self._saved is not None
        saved = self._saved.select(rows)
        cotangent = _aten.elu_backward(cotangent, 1.0, 1.0, 1.0, True, saved.out)
        gradient, weight, bias = _aten.native_group_norm_backward(
            cotangent.contiguous(),
            saved.x,
            saved.means,
            saved.rstds,
            self.norm.weight,
            *self._count_numbers(saved.x),
            (True, True, True),
        )
        self._add_affine(weight, bias)
        return gradient

    def pop_weight_gradients(self) -> tuple[Tensor, Tensor]:
        """Return the sums over the rows so far, and free the saved tensors."""
        assert self._affine is not None
        affine, self._affine, self._saved = self._affine, None, None
        return affine

    def _count_numbers(self, x: Tensor) -> tuple[int, int, int, int]:
        """Return the numbers of samples, channels, cells and groups, in that order."""
        return x.shape[0], x.shape[1], x.shape[2] * x.shape[3], self.norm.num_groups

    def _add_affine(self, weight: Tensor, bias: Tensor) -> None:
        wide = torch.promote_types(weight.dtype, torch.float32)
        weight, bias = weight.to(wide), bias.to(wide)
        if self._affine is None:
            self._affine = weight, bias
        else:
            # Name the overload: to find it, torch would format the errors of the other overloads,
            # which waits for the GPU and aborts the capture of a graph.
            _aten._foreach_add_.List(list(self._affine), [weight, bias])


class FusedNormElu(NormElu):
    """GroupNorm with ELU as two kernels forward and two backward, in any memory format."""

    in_place = True

    def __init__(self, norm: nn.GroupNorm, kernels: Kernels) -> None:
        super().__init__(norm)
        self._kernels = kernels
        self._affine: Tensor | None = None
        """The gradients of weight and bias, float32 (2, samples, channels)."""

    def order(self, x: Tensor) -> Tensor:
        """Return x unchanged."""
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Return ELU(GroupNorm(x))."""
        norm, (samples, channels) = self.norm, x.shape[:2]
        means, rstds = x.new_empty(2, samples, norm.num_groups, dtype=torch.float32)
        self._affine = x.new_empty(2, samples, channels, dtype=torch.float32)
        self._saved = saved = Saved(x, means, rstds, torch.empty_like(x))
        sizes, chunks = self._find_sizes(x), self._find_chunks(x)
        grid = (samples * norm.num_groups, chunks.number)
        partials = x.new_empty(*grid, 2, dtype=torch.float32)
        steps = _find_steps(x)
        self._kernels.norm.measure[grid](x, partials, *sizes, *steps, *chunks[1:])
        self._kernels.norm.normalize[grid](
            *(x, saved.out, partials, saved.means, saved.rstds, norm.weight, norm.bias, norm.eps),
            *(*sizes, *steps, *chunks[1:], chunks.padded_count),
        )
        return saved.out

    def backward(self, rows: slice, cotangent: Tensor) -> Tensor:
        """Overwrite some rows of the input with their gradient, and return it."""
        assert self._saved is not None
        assert self._affine is not None
        saved, norm = self._saved.select(rows), self.norm
        sizes, chunks = self._find_sizes(saved.x), self._find_chunks(saved.x)
        grid = (len(saved.x) * norm.num_groups, chunks.number)
        partials = self._affine.new_empty(2, *saved.x.shape[:2], chunks.number)
        given = (cotangent, saved.x, saved.out, saved.means, saved.rstds)
        steps = (*_find_steps(saved.x), *_find_steps(cotangent), *chunks[1:])
        self._kernels.norm.reduce_gradient[grid](*given, partials, *sizes, *steps)
        self._kernels.norm.differentiate[grid](
            *(*given, norm.weight, partials, *self._affine[:, rows]),
            *(*sizes, *steps, chunks.padded_count),
        )
        return saved.x

    def pop_weight_gradients(self) -> tuple[Tensor, Tensor]:
        """Return the sums over all rows, and free the saved tensors."""
        assert self._affine is not None
        weight, bias = self._affine.sum(dim=1)
        self._affine = self._saved = None
        return weight, bias

    def load_saved(self, saved: Iterator[Tensor]) -> Tensor:
        """Take the next saved tensors, and allocate the gradients of weight and bias."""
        x = super().load_saved(saved)
        self._affine = x.new_empty(2, *x.shape[:2], dtype=torch.float32)
        return x

    def clear(self) -> None:
        """Free the saved tensors."""
        self._affine = self._saved = None

    def _find_sizes(self, x: Tensor) -> tuple[int, int, int]:
        """Return the numbers of cells, channels per group, and groups."""
        groups = self.norm.num_groups
        return x.shape[2] * x.shape[3], x.shape[1] // groups, groups

    def _find_chunks(self, x: Tensor) -> Chunks:
        return Chunks.from_sizes(*self._find_sizes(x)[:2])


def _find_steps(x: Tensor) -> tuple[int, int, int]:
    """Return the strides of samples, channels and cells."""
    sample, channel, row, cell = x.stride()
    if x.shape[2] > 1 and row != cell * x.shape[3]:
        raise ValueError(f"{tuple(x.shape)}: strides {x.stride()} do not space the cells evenly")
    return sample, channel, cell
