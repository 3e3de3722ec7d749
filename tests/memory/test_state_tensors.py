"""What update and loss hold, counted again from the code that does them."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from qca.memory.layers import Shape
from qca.memory.measure import LiveBytes
from qca.memory.state_tensors import FIRST_UPDATES, LOSSES, MOMENTS, UPDATES, Fields, Held
from qca.model import losses
from qca.model.evolution import Evolution, Step

GRID = 32
SLACK = 4 * GRID**2  # a field of one number a cell, in bytes
D_STATES = [1, 2, 8, 64]


class Net(nn.Module):
    """Keeps its input, as the real one does, and little else."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.only = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.only(x)


def held_by_a_step(d_state: int, update: Any, gamma: float, *, given: bool) -> tuple[int, int]:
    """Return what is kept by one step beside psi and the network, and the backward's peak."""
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


def size(fields: Fields, d_state: int) -> int:
    return fields.bytes(Shape(GRID, d_state, hidden_channels=1, batch_size=1))


@pytest.mark.parametrize("d_state", D_STATES)
@pytest.mark.parametrize("given", [True, False], ids=["first", "later"])
@pytest.mark.parametrize(("update", "damped"), UPDATES)
def test_a_step_holds_what_the_table_says(
    update: str, damped: bool, given: bool, d_state: int
) -> None:
    table: dict[tuple[str, bool], Held] = FIRST_UPDATES if given else UPDATES
    kept, peak = held_by_a_step(d_state, update, 0.01 if damped else 0.0, given=given)
    assert 0 <= size(table[update, damped].kept, d_state) - kept <= SLACK
    assert 0 <= size(table[update, damped].peak, d_state) - peak <= 3 * SLACK


@pytest.mark.parametrize("d_state", D_STATES)
@pytest.mark.parametrize("moments", [1, 2, MOMENTS])
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_holds_no_more_than_the_table_says(name: str, moments: int, d_state: int) -> None:
    moments = min(moments, LOSSES[name].moments)
    with FakeTensorMode(), LiveBytes() as live:
        psis = [torch.zeros(1, d_state, GRID, GRID, dtype=torch.complex64) for _ in range(moments)]
        seen = [Step(_leaf(psi), _leaf(psi.abs().sum(dim=1))) for psi in psis]
        loss = losses.LOSSES[name]()
        start = torch.ones(1)
        live.restart_peak()
        before = live.live
        loss.combine(loss.compute_terms(start, seen)).mean().backward()
    found = live.peak - before
    told = LOSSES[name].peak(moments, Shape(GRID, d_state, hidden_channels=1, batch_size=1))
    assert found <= told + SLACK


def _leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().requires_grad_()


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_looks_at_as_many_moments_as_the_table_says(name: str) -> None:
    assert len(losses.LOSSES[name]().sample_steps(500)) == LOSSES[name].moments


def test_every_loss_is_in_the_table() -> None:
    assert set(losses.LOSSES) == set(LOSSES)
