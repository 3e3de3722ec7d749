import math

import pytest
import torch

from qca.model.evolution import Step, compute_squared_norm
from qca.model.initial_state import draw_initial_state
from qca.model.losses import LOSSES, Evolutionary, MseEnergy, Structure
from tests.support.models import lively_evolution


def make_step(magnitude: torch.Tensor, squared_norm: float = 1.0) -> Step:
    """Return a step whose |psi| is `magnitude` (d, H, W), for a batch of one."""
    cells = torch.full((1, *magnitude.shape[1:]), squared_norm)
    return Step(magnitude.unsqueeze(0).to(torch.complex64), cells)


START = torch.tensor([16.0])  # a 4x4 grid
FLAT = torch.full((2, 4, 4), 0.5)
LEFT_HALF = torch.cat([torch.ones(1, 4, 2), torch.zeros(1, 4, 2)], dim=2)


@pytest.mark.parametrize(
    ("max_sample_steps", "steps", "expected"),
    [
        (1, 500, (500,)),
        (10, 500, (50, 100, 150, 200, 250, 300, 350, 400, 450, 500)),
        (10, 12, (1, 2, 3, 4, 6, 7, 8, 9, 10, 12)),
        (10, 3, (1, 2, 3)),
        (10, 1, (1,)),
    ],
)
def test_sample_steps_are_evenly_spaced_and_end_with_the_last(max_sample_steps, steps, expected):
    assert Evolutionary(max_sample_steps).sample_steps(steps) == expected


@pytest.mark.parametrize(
    ("name", "count"), [("evolutionary", 10), ("structure", 10), ("mse_energy", 1)]
)
def test_each_loss_evaluates_its_number_of_steps(name: str, count: int):
    assert len(LOSSES[name]().sample_steps(500)) == count


@pytest.mark.parametrize(
    ("squared_norm", "survival"), [(1.0, 0.2), (0.8, 0.0), (0.5, 0.3), (2.0, 1.2)]
)
def test_survival_is_the_distance_from_80_percent_of_the_energy(squared_norm, survival):
    terms = Evolutionary().compute_terms(
        START, [make_step(FLAT, 7.0), make_step(FLAT, squared_norm)]
    )
    assert terms["survival"].item() == pytest.approx(survival, abs=1e-6)


@pytest.mark.parametrize(("size", "symmetry"), [(FLAT, 0.0), (LEFT_HALF, 0.5)])
def test_symmetry_is_the_change_under_a_quarter_turn(size, symmetry):
    assert Evolutionary().compute_terms(START, [make_step(size)])["symmetry"].item() == symmetry


def test_complexity_is_minus_the_log_of_the_spread_over_cells():
    spread = LEFT_HALF.std().item()
    terms = Evolutionary().compute_terms(START, [make_step(LEFT_HALF)])
    assert terms["complexity"].item() == pytest.approx(-math.log(spread))
    assert Evolutionary().compute_terms(START, [make_step(FLAT)])["complexity"].isfinite().all()


def test_evolutionary_weighs_its_terms_10_5_1():
    terms = {name: torch.tensor([1.0]) for name in ("survival", "symmetry", "complexity")}
    assert Evolutionary().combine(terms).item() == 16.0


def test_mse_energy_is_the_squared_change_of_the_energy():
    terms = MseEnergy().compute_terms(START, [make_step(FLAT, 0.5)])
    assert MseEnergy().combine(terms).item() == 64.0


def test_structure_is_mean_size_and_a_tenth_of_the_total_variation():
    loss = Structure()
    assert loss.combine(loss.compute_terms(START, [make_step(FLAT)])).item() == 0.5
    # One edge between four columns: 4 of 12 differences across are 1, none down.
    assert loss.combine(loss.compute_terms(START, [make_step(LEFT_HALF)])).item() == pytest.approx(
        0.5 + 0.1 * 4 / 12
    )


@pytest.mark.parametrize("name", LOSSES)
def test_each_sample_has_its_own_loss(name: str):
    loss = LOSSES[name]()
    evolution = lively_evolution("cartesian", 0.01)

    def evaluate(samples: list[int]) -> torch.Tensor:
        psi = draw_initial_state(0, samples, d_state=4, grid=8)
        start = compute_squared_norm(psi).sum(dim=(1, 2, 3))
        with torch.no_grad():
            return loss.combine(loss.compute_terms(start, [evolution.advance(psi)]))

    apart = torch.cat([evaluate([0]), evaluate([1])])
    torch.testing.assert_close(evaluate([0, 1]), apart, rtol=1e-4, atol=0)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("update", ["cartesian", "unitary"])
@pytest.mark.parametrize("gamma", [0.0, 0.02])
@pytest.mark.parametrize("d_state", [1, 3])
def test_constant_terms_are_exactly_those_without_a_gradient(name, update, gamma, d_state):
    """Compare the loss's own answer with the gradients of two lively steps."""
    loss = LOSSES[name]()
    evolution = lively_evolution(update, gamma, d_state=d_state)
    psi = draw_initial_state(0, [0], d_state=d_state, grid=8)
    step = evolution.advance(evolution(psi))
    without_gradient = []
    for term, value in loss.compute_terms(torch.tensor([64.0]), [step]).items():
        gradients = torch.autograd.grad(
            value.sum(), list(evolution.parameters()), retain_graph=True, materialize_grads=True
        )
        size = sum(g.square().sum().item() for g in gradients) ** 0.5
        # Compare a sum of squares near its minimum on the scale of its summands.
        if size < 1e-4:
            without_gradient.append(term)
    assert loss.find_constant_terms(update, gamma, d_state) == tuple(without_gradient)
