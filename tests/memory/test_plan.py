"""Choosing a recompute plan, or a size, for a budget."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qca.config import TrainConfig
from qca.errors import PlanError
from qca.memory.budget import estimate
from qca.memory.plan import Dimension, choose, solve
from qca.units import GIB, MIB

SEED = TrainConfig()
CARD = int(3.68 * GIB)  # the card that the seed's run ran out of memory on


def need(plan: Any, train: TrainConfig = SEED) -> int:
    return estimate(train, recompute=plan).total_bytes


@pytest.mark.parametrize(
    ("budget", "plan", "fits"),
    [
        (need("none"), "none", True),
        (need("none") - 1, "step", True),
        (CARD, "step", True),
        (need("step"), "step", True),
        (need("step") - 1, "step", False),
        (0, "step", False),
        (None, "step", None),
    ],
)
def test_auto_takes_the_fastest_plan_that_fits(
    budget: int | None, plan: str, fits: bool | None
) -> None:
    choice = choose(SEED, budget)
    assert (choice.recompute, choice.fits) == (plan, fits)
    assert choice.estimate == estimate(SEED, recompute=choice.recompute)


def test_a_plan_that_is_asked_for_is_judged_and_not_replaced() -> None:
    choice = choose(SEED, CARD, recompute="none")
    assert (choice.recompute, choice.fits) == ("none", False)


def test_says_what_the_choice_needs_what_there_is_and_what_the_faster_plan_would_need() -> None:
    because = choose(SEED, CARD).because
    assert "`step` needs" in because
    assert "budget of 3.68 GiB" in because
    assert "faster `none` would need" in because


def test_says_by_how_much_it_does_not_fit() -> None:
    assert "more than the budget of 100 MiB" in choose(SEED, 100 * MIB).because


def test_says_that_the_budget_is_unknown() -> None:
    assert "budget is unknown" in choose(SEED, None).because


@pytest.mark.parametrize(
    ("dimension", "field", "unit"),
    [("batch", "batch_size", 1), ("grid", "grid", 4), ("steps", "steps", 1)],
)
def test_solve_finds_the_largest_that_fits_and_no_larger_one_does(
    dimension: Dimension, field: str, unit: int
) -> None:
    found = solve(SEED, CARD, dimension)
    assert found.choice.fits
    larger = SEED.model_copy(update={field: found.value + unit})
    assert found.value > getattr(SEED, field)
    assert not choose(larger, CARD).fits


@given(st.integers(0, 64 * GIB), st.sampled_from(["batch", "grid", "steps"]))
def test_what_solve_finds_fits_or_nothing_does(budget: int, dimension: Dimension) -> None:
    try:
        assert solve(SEED, budget, dimension).choice.estimate.fits(budget)
    except PlanError:
        smallest = {"batch": {"batch_size": 1}, "grid": {"grid": 4}, "steps": {"steps": 1}}
        assert not choose(SEED.model_copy(update=smallest[dimension]), budget).fits


def test_where_nothing_fits_the_error_gives_the_need_and_the_budget() -> None:
    with pytest.raises(PlanError, match=r"batch_size = 1: .* needs .* budget of 100 MiB"):
        solve(SEED, 100 * MIB, "batch")


def test_steps_end_where_the_configuration_ends() -> None:
    assert solve(SEED, 10**6 * GIB, "steps").value == 1_000_000
