import pytest
import torch

from qca.model import UNetUnitary
from qca.model.unet import ConvBlock

_BLOCK = [
    "conv_block.0.weight",
    "conv_block.1.weight",
    "conv_block.1.bias",
    "conv_block.3.weight",
    "conv_block.4.weight",
    "conv_block.4.bias",
]


def _names(prefix: str) -> list[str]:
    return [f"{prefix}.{name}" for name in _BLOCK]


def test_the_seeds_model_has_the_seeds_number_of_parameters():
    model = UNetUnitary(d_state=14, hidden_channels=128)
    assert sum(p.numel() for p in model.parameters()) == 27_883_292


def test_state_dict_names_are_those_of_existing_checkpoints():
    assert list(UNetUnitary(2, 8).state_dict()) == [
        *_names("inc"),
        *_names("down1.1"),
        *_names("down2.1"),
        *_names("bot"),
        *("up1.weight", "up1.bias"),
        *_names("conv_up1"),
        *("up2.weight", "up2.bias"),
        *_names("conv_up2"),
        *("outc.weight", "outc.bias"),
    ]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("inc.conv_block.0.weight", (16, 6, 3, 3)),
        ("down1.1.conv_block.0.weight", (32, 16, 3, 3)),
        ("down2.1.conv_block.3.weight", (64, 64, 3, 3)),
        ("bot.conv_block.0.weight", (128, 64, 3, 3)),
        ("up1.weight", (128, 64, 2, 2)),
        ("conv_up1.conv_block.0.weight", (64, 96, 3, 3)),
        ("up2.weight", (64, 32, 2, 2)),
        ("conv_up2.conv_block.0.weight", (16, 48, 3, 3)),
        ("outc.weight", (6, 16, 1, 1)),
    ],
)
def test_shapes_of_the_weights(name: str, shape: tuple[int, ...]):
    assert UNetUnitary(d_state=3, hidden_channels=16).state_dict()[name].shape == shape


@pytest.mark.parametrize(
    ("channels", "groups"),
    [(1, 1), (4, 1), (8, 1), (9, 1), (12, 1), (16, 2), (17, 1), (20, 2), (24, 3), (128, 16)],
)
def test_groups_are_an_eighth_of_the_channels_if_that_divides(channels: int, groups: int):
    norms = [m for m in ConvBlock(2, channels).modules() if isinstance(m, torch.nn.GroupNorm)]
    assert [norm.num_groups for norm in norms] == [groups, groups]


@pytest.mark.parametrize(("batch", "height", "width"), [(1, 4, 4), (2, 8, 8), (3, 16, 8)])
def test_output_is_shaped_like_the_input(batch: int, height: int, width: int):
    x = torch.randn(batch, 6, height, width)
    assert UNetUnitary(3, 8)(x).shape == x.shape


@pytest.mark.parametrize(("height", "width"), [(6, 8), (8, 9), (2, 2)])
def test_a_grid_that_cannot_be_halved_twice_is_refused(height: int, width: int):
    with pytest.raises(ValueError, match=f"{height}x{width}.*multiples of 4"):
        UNetUnitary(3, 8)(torch.randn(1, 6, height, width))


def test_an_untrained_network_is_nearly_zero():
    """With weights of std 1e-5 and no bias, the first steps are nearly the identity."""
    model = UNetUnitary(3, 64)
    assert model.outc.weight.std().item() == pytest.approx(1e-5, rel=0.3)
    assert 0 < model(torch.randn(1, 6, 8, 8)).abs().max() < 1e-3
