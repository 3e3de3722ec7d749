"""The tensors of update and loss are counted again from the code that creates them."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from qca.core.losses import MAX_SAMPLE_STEPS, BuiltInLoss
from qca.memory.layers import Shape
from qca.memory.state_tensors import (
    FIRST_UPDATES,
    FORWARDS,
    LOSSES,
    UPDATES,
    OpMemory,
    StateTensors,
)
from qca.model import losses
from qca.model.evolution import Evolution, Step
from qca.model.update_adjoint import PlainUpdate
from tests.support.live_bytes import LiveBytes

GRID = 32
SLACK = 4 * GRID**2  # a field of one number per cell, in bytes
D_STATES = [1, 2, 8, 64]


class Net(nn.Module):
    """A network that saves its input, like the real one, and little else."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.only = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.only(x)


def measure_step(d_state: int, update: Any, gamma: float, *, given: bool) -> tuple[int, int]:
    """Return the bytes that one step saves without psi and the network, and the backward's peak."""
    state = 8 * d_state * GRID**2
    with FakeTensorMode(), LiveBytes() as live:
        evolution = Evolution(Net(2 * d_state), gamma, update)
        shape = (1, d_state, GRID, GRID)
        psi = torch.zeros(shape, dtype=torch.complex64, requires_grad=not given)
        before = live.live + state  # with the network's input
        step = evolution.advance(psi)
        kept = live.live - before
        live.restart_peak()
        torch.autograd.backward(list(step), [torch.empty_like(part) for part in step])
        return kept, live.peak - before


def count_bytes(tensors: StateTensors, d_state: int) -> int:
    return tensors.count_bytes(Shape(GRID, d_state, hidden_channels=1, batch_size=1))


@pytest.mark.parametrize("d_state", D_STATES)
@pytest.mark.parametrize("given", [True, False], ids=["first", "later"])
@pytest.mark.parametrize(("update", "damped"), UPDATES)
def test_a_step_holds_the_tabulated_tensors(
    update: str, damped: bool, given: bool, d_state: int
) -> None:
    table: dict[tuple[str, bool], OpMemory] = FIRST_UPDATES if given else UPDATES
    kept, peak = measure_step(d_state, update, 0.01 if damped else 0.0, given=given)
    assert 0 <= count_bytes(table[update, damped].kept, d_state) - kept <= SLACK
    assert 0 <= count_bytes(table[update, damped].peak, d_state) - peak <= 3 * SLACK


@pytest.mark.parametrize("d_state", D_STATES)
@pytest.mark.parametrize(("update", "damped"), FORWARDS)
def test_an_update_without_autograd_takes_the_tabulated_tensors(
    update: Any, damped: bool, d_state: int
) -> None:
    with FakeTensorMode(), LiveBytes() as live:
        evolution = Evolution(Net(2 * d_state), 0.01 if damped else 0.0, update)
        psi = torch.zeros(1, d_state, GRID, GRID, dtype=torch.complex64)
        field = torch.zeros(1, 2 * d_state, GRID, GRID)
        live.restart_peak()
        before = live.live
        PlainUpdate(evolution).advance(psi, field)
    assert 0 <= count_bytes(FORWARDS[update, damped], d_state) - (live.peak - before) <= SLACK


@pytest.mark.parametrize("d_state", D_STATES)
@pytest.mark.parametrize("sample_steps", [1, 2, 10])
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_holds_at_most_the_tabulated_tensors(
    name: BuiltInLoss, sample_steps: int, d_state: int
) -> None:
    sample_steps = min(sample_steps, MAX_SAMPLE_STEPS[name])
    with FakeTensorMode(), LiveBytes() as live:
        shape = (1, d_state, GRID, GRID)
        psis = [torch.zeros(shape, dtype=torch.complex64) for _ in range(sample_steps)]
        sampled = [Step(make_leaf(psi), make_leaf(psi.abs().sum(dim=1))) for psi in psis]
        loss = losses.LOSSES[name]()
        start = torch.ones(1)
        live.restart_peak()
        before = live.live
        loss.combine(loss.compute_terms(start, sampled)).mean().backward()
    measured = live.peak - before
    batch = Shape(GRID, d_state, hidden_channels=1, batch_size=1)
    assert measured <= LOSSES[name].compute_peak(sample_steps, batch) + SLACK


def make_leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().requires_grad_()
