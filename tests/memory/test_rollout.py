"""The closed form of a rollout's memory matches the count of fake tensors."""

from typing import get_args

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from qca.core.config import Update
from qca.memory.layers import Shape
from qca.memory.rollout import UPDATES, estimate_rollout, estimate_step
from qca.model import Evolution, UNetUnitary
from tests.support.live_bytes import LiveBytes

SHAPES = [
    Shape(16, 4, 16, 1),
    Shape(64, 14, 128, 1),
    Shape(64, 2, 8, 2),
    Shape(32, 64, 8, 1),
    Shape(8, 1, 1, 1),
]
UPDATE_CASES = [(update, gamma) for update in get_args(Update) for gamma in (0.0, 0.01)]


def measure_step(shape: Shape, update: Update, gamma: float, network: type[nn.Module]) -> int:
    sizes = () if network is nn.Identity else (shape.d_state, shape.hidden_channels)
    with FakeTensorMode(), LiveBytes() as live, torch.inference_mode():
        evolution = Evolution(network(*sizes), gamma, update)
        weights = live.live
        size = (shape.batch_size, shape.d_state, shape.grid, shape.grid)
        psi = torch.empty(size, dtype=torch.complex64)
        live.restart_peak()
        psi = evolution.advance(psi).psi
    return live.peak - weights


@pytest.mark.parametrize(("update", "gamma"), UPDATE_CASES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_closed_form_of_a_step_equals_the_count(shape, update, gamma):
    assert measure_step(shape, update, gamma, UNetUnitary) == estimate_step(shape, update, gamma)


@pytest.mark.parametrize(("update", "gamma"), UPDATE_CASES)
def test_an_update_alone_takes_the_tabulated_memory(update, gamma):
    shape = Shape(16, 5, 1, 1)
    expected = UPDATES[update, gamma > 0].count_bytes(shape)
    assert measure_step(shape, update, gamma, nn.Identity) == expected


def test_a_larger_grid_takes_more_and_a_gpu_has_a_context():
    small, large = (
        estimate_rollout(Shape(grid, 14, 128, 1), "cartesian", 0.01, device="cpu")
        for grid in (64, 256)
    )
    assert large > small
    held = [
        estimate_rollout(Shape(64, 14, 128, 1), "unitary", 0, device="cuda", held_states=states)
        for states in (0, 16)
    ]
    assert held[1] - held[0] == 16 * 14 * 64 * 64 * 8
