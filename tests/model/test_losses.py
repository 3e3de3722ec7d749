import math

import pytest
import torch

from qca.model.evolution import Step, cell_weight
from qca.model.losses import LOSSES, Evolutionary, MseEnergy, Structure
from qca.model.state import initial_state
from tests.support.models import lively_evolution


def _step(size: torch.Tensor, weight: float = 1.0) -> Step:
    """A step whose |psi| is `size` (d, H, W), for a batch of one."""
    return Step(size.unsqueeze(0).to(torch.complex64), torch.full((1, *size.shape[1:]), weight))


START = torch.tensor([16.0])  # a 4x4 grid
FLAT = torch.full((2, 4, 4), 0.5)
LEFT_HALF = torch.cat([torch.ones(1, 4, 2), torch.zeros(1, 4, 2)], dim=2)


@pytest.mark.parametrize(
    ("moments", "steps", "looks_at"),
    [
        (1, 500, (500,)),
        (10, 500, (50, 100, 150, 200, 250, 300, 350, 400, 450, 500)),
        (10, 12, (1, 2, 3, 4, 6, 7, 8, 9, 10, 12)),
        (10, 3, (1, 2, 3)),
        (10, 1, (1,)),
    ],
)
def test_moments_are_evenly_spaced_and_end_with_the_last(moments, steps, looks_at):
    assert Evolutionary(moments).looks_at(steps) == looks_at


@pytest.mark.parametrize(
    ("name", "moments"), [("evolutionary", 10), ("structure", 10), ("mse_energy", 1)]
)
def test_every_loss_says_how_many_moments_it_looks_at(name: str, moments: int):
    assert LOSSES[name]().moments == moments


@pytest.mark.parametrize(("weight", "survival"), [(1.0, 0.2), (0.8, 0.0), (0.5, 0.3), (2.0, 1.2)])
def test_survival_is_the_distance_from_80_percent_of_the_energy(weight, survival):
    terms = Evolutionary().terms(START, [_step(FLAT, weight=7.0), _step(FLAT, weight)])
    assert terms["survival"].item() == pytest.approx(survival, abs=1e-6)


@pytest.mark.parametrize(("size", "symmetry"), [(FLAT, 0.0), (LEFT_HALF, 0.5)])
def test_symmetry_is_the_change_under_a_quarter_turn(size, symmetry):
    assert Evolutionary().terms(START, [_step(size)])["symmetry"].item() == symmetry


def test_complexity_is_minus_the_log_of_the_spread_over_cells():
    spread = LEFT_HALF.std().item()
    terms = Evolutionary().terms(START, [_step(LEFT_HALF)])
    assert terms["complexity"].item() == pytest.approx(-math.log(spread))
    assert Evolutionary().terms(START, [_step(FLAT)])["complexity"].isfinite().all()


def test_evolutionary_weighs_its_terms_10_5_1():
    terms = {name: torch.tensor([1.0]) for name in ("survival", "symmetry", "complexity")}
    assert Evolutionary().total(terms).item() == 16.0


def test_mse_energy_is_the_squared_change_of_the_energy():
    terms = MseEnergy().terms(START, [_step(FLAT, 0.5)])
    assert MseEnergy().total(terms).item() == 64.0


def test_structure_is_mean_size_and_a_tenth_of_the_total_variation():
    loss = Structure()
    assert loss.total(loss.terms(START, [_step(FLAT)])).item() == 0.5
    # One edge between four columns: 4 of 12 differences across are 1, none down.
    assert loss.total(loss.terms(START, [_step(LEFT_HALF)])).item() == pytest.approx(
        0.5 + 0.1 * 4 / 12
    )


@pytest.mark.parametrize("name", LOSSES)
def test_each_sample_is_judged_by_itself(name: str):
    loss = LOSSES[name]()
    evolution = lively_evolution("cartesian", 0.01)

    def judge(samples: list[int]) -> torch.Tensor:
        psi = initial_state(0, samples, d_state=4, grid=8)
        start = cell_weight(psi).sum(dim=(1, 2, 3))
        with torch.no_grad():
            return loss.total(loss.terms(start, [evolution.advance(psi)]))

    apart = torch.cat([judge([0]), judge([1])])
    torch.testing.assert_close(judge([0, 1]), apart, rtol=1e-4, atol=0)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("update", ["cartesian", "unitary"])
@pytest.mark.parametrize("gamma", [0.0, 0.02])
@pytest.mark.parametrize("d_state", [1, 3])
def test_immovable_terms_are_exactly_those_without_a_gradient(name, update, gamma, d_state):
    """What is claimed is compared with what two lively steps do."""
    loss = LOSSES[name]()
    evolution = lively_evolution(update, gamma, d_state=d_state)
    psi = initial_state(0, [0], d_state=d_state, grid=8)
    step = evolution.advance(evolution(psi))
    still = []
    for term, value in loss.terms(torch.tensor([64.0]), [step]).items():
        gradients = torch.autograd.grad(
            value.sum(), list(evolution.parameters()), retain_graph=True, allow_unused=True
        )
        size = sum(g.square().sum().item() for g in gradients if g is not None) ** 0.5
        # A sum of squares near its minimum is compared on the scale of what it is made of.
        if size < 1e-4:
            still.append(term)
    assert loss.immovable(update, gamma, d_state) == tuple(still)
