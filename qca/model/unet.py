"""UNetUnitary: the network that maps the state of the whole grid to the change of each cell.

The names of its submodules are the keys of the state dict. They must not change, or weights that
another program saved would no longer load.
"""

import torch
from torch import Tensor, nn

from qca.core.unet_shape import GRID_MULTIPLE, count_groups

# So small that an untrained step is nearly the identity: an episode of hundreds of steps then
# starts as a slow drift, not as chaos.
_OUTPUT_STD = 1e-5


class ConvBlock(nn.Module):
    """Two 3x3 convolutions with GroupNorm and ELU: (B, inputs, H, W) -> (B, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        # ELU works in place: its gradient needs only its result, which the next convolution saves
        # anyway. This saves a third of the tensors that a step would otherwise keep for the
        # backward pass.
        self.conv_block = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.GroupNorm(count_groups(outputs), outputs),
            nn.ELU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.GroupNorm(count_groups(outputs), outputs),
            nn.ELU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H, W)."""
        return self.conv_block(x)


class UNetUnitary(nn.Module):
    """A U-Net from the state's real and imaginary parts to a field of the same shape.

    Args:
        d_state: complex components of a cell; the network has 2 * d_state input and output
            channels.
        hidden_channels: channels of the first block; the deepest block has eight times as many.

    Example:
        >>> model = UNetUnitary(d_state=14, hidden_channels=128)
        >>> sum(p.numel() for p in model.parameters())
        27883292
    """

    def __init__(self, d_state: int, hidden_channels: int) -> None:
        super().__init__()
        c = hidden_channels
        self.d_state = d_state
        self.hidden_channels = hidden_channels
        self.inc = ConvBlock(2 * d_state, c)
        self.down1 = nn.Sequential(nn.MaxPool2d(2), ConvBlock(c, 2 * c))
        self.down2 = nn.Sequential(nn.MaxPool2d(2), ConvBlock(2 * c, 4 * c))
        self.bot = ConvBlock(4 * c, 8 * c)
        self.up1 = nn.ConvTranspose2d(8 * c, 4 * c, 2, stride=2)
        self.conv_up1 = ConvBlock(4 * c + 2 * c, 4 * c)
        self.up2 = nn.ConvTranspose2d(4 * c, 2 * c, 2, stride=2)
        self.conv_up2 = ConvBlock(2 * c + c, c)
        self.outc = nn.Conv2d(c, 2 * d_state, 1)
        nn.init.normal_(self.outc.weight, std=_OUTPUT_STD)
        assert self.outc.bias is not None  # the constructor's default
        nn.init.zeros_(self.outc.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 2 * d_state, H, W) to the same shape.

        Raises:
            ValueError: H or W is not a multiple of 4.

        """
        if x.shape[-2] % GRID_MULTIPLE or x.shape[-1] % GRID_MULTIPLE:
            raise ValueError(
                f"the grid is {x.shape[-2]}x{x.shape[-1]}; "
                f"both sides must be multiples of {GRID_MULTIPLE}"
            )
        full = self.inc(x)
        half = self.down1(full)
        deep = self.bot(self.down2(half))
        half = self.conv_up1(torch.cat([self.up1(deep), half], dim=1))
        full = self.conv_up2(torch.cat([self.up2(half), full], dim=1))
        return self.outc(full)
