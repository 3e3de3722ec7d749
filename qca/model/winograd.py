"""Winograd's F(2x2, 3x3): a 3x3 convolution as 16 matrix products, 4/9 of the multiplications.

See Lavin and Gray 2015, arXiv 1509.09308, section 4.1. cuDNN implements it too, but for the few
samples of a step it chooses kernels that leave most of a large GPU idle. The weights are
transformed once per episode, because they change only between episodes.
"""

import torch
from torch import Tensor

from qca.model.kernels import Kernels

_BLOCK = 256  # pairs of a channel and a tile that one program transforms
_MOST_NUMBERS = 2**31 - 1  # the kernels count in 32 bits


class Winograd:
    """A 3x3 convolution with padding 1 and its adjoint, in float32.

    Args:
        weight: (O, I, 3, 3), on a GPU.
        kernels: the kernels that transform states.

    Call `refresh` before the first use and whenever the weight has changed.
    """

    def __init__(self, weight: Tensor, kernels: Kernels) -> None:
        self._weight = weight
        self._kernels = kernels.winograd
        self._transformed = weight.new_empty(16, *weight.shape[:2])

    @torch.no_grad()
    def refresh(self) -> None:
        """Transform the weight."""
        pairs = self._transformed[0].numel()
        self._kernels.transform_weight[(-(-pairs // _BLOCK),)](
            self._weight, self._transformed, pairs, _BLOCK
        )

    def can_convolve(self, x: Tensor) -> bool:
        """Return whether the grid consists of whole tiles and is not too large."""
        samples, _, height, width = x.shape
        channels = max(self._transformed.shape[1:])
        return (
            height % 2 == width % 2 == 0
            and 4 * samples * channels * height * width <= _MOST_NUMBERS
        )

    def convolve(self, x: Tensor) -> Tensor:
        """Return the convolution of x, (N, inputs, H, W), as (N, outputs, H, W)."""
        return self._multiply(x, self._transformed, (0, 3))

    def convolve_adjoint(self, cotangent: Tensor) -> Tensor:
        """Return the gradient of the input from that of the output, (N, outputs, H, W)."""
        return self._multiply(cotangent, self._transformed.transpose(1, 2), (3, 0))

    def _multiply(self, x: Tensor, transformed: Tensor, ends: tuple[int, int]) -> Tensor:
        samples, channels, height, width = x.shape
        tiles = samples * (height // 2) * (width // 2)
        pairs = channels * tiles
        spread = x.new_empty(16, channels, tiles)
        self._kernels.transform_input[(-(-pairs // _BLOCK),)](
            *(x, spread, pairs, samples, height, width, x.stride(0), x.stride(1), *ends, _BLOCK)
        )
        products = torch.bmm(transformed, spread)
        channels, pairs = products.shape[1], products.shape[1] * tiles
        out = x.new_empty(samples, channels, height, width)
        self._kernels.transform_output[(-(-pairs // _BLOCK),)](
            *(products, out, pairs, channels, samples, height, width, *ends, _BLOCK)
        )
        return out
