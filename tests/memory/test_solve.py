"""Find the largest batch, grid or number of steps for a budget."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qca.core.config import TrainConfig
from qca.core.errors import PlanError
from qca.core.units import GIB, MIB
from qca.memory.choose import choose
from qca.memory.solve import Dimension, solve
from tests.support.machines import GPU
from tests.support.step_timings import make_timing

SEED = TrainConfig()
CARD = int(3.68 * GIB)  # the card on which the original model ran out of memory
SLOW_SEGMENTS = tuple(make_timing(segment=length, seconds=0.3) for length in (2, 4, 8))
MEASURED = replace(GPU, timings=(make_timing(), *SLOW_SEGMENTS))


@pytest.mark.parametrize(
    ("dimension", "field", "unit"),
    [("batch", "batch_size", 1), ("grid", "grid", 4), ("steps", "steps", 1)],
)
@pytest.mark.parametrize("recompute", ["auto", "step"])
def test_solve_finds_the_largest_value_that_fits(
    dimension: Dimension, field: str, unit: int, recompute: str
) -> None:
    train = SEED.override(recompute=recompute)
    solution = solve(train, CARD, dimension, replace(GPU, host_budget=8 * GIB))
    assert solution.choice.fits
    assert solution.value > getattr(SEED, field)
    if solution.value == 1_000_000:
        return  # the limit of the configuration, as `two-level` grows only with the root
    larger = train.override(**{field: solution.value + unit})
    assert not choose(larger, CARD, replace(GPU, host_budget=8 * GIB)).fits


@given(st.integers(0, 64 * GIB), st.sampled_from(["batch", "grid", "steps"]))
def test_the_result_of_solve_fits_or_nothing_does(budget: int, dimension: Dimension) -> None:
    try:
        assert solve(SEED, budget, dimension, GPU).choice.estimate.fits(budget)
    except PlanError:
        smallest = {"batch": {"batch_size": 1}, "grid": {"grid": 4}, "steps": {"steps": 1}}
        assert not choose(SEED.override(**smallest[dimension]), budget, GPU).fits


def test_if_nothing_fits_the_error_names_the_need_and_the_budget() -> None:
    with pytest.raises(PlanError, match=r"batch_size = 1: .* needs .* budget of 100 MiB"):
        solve(SEED, 100 * MIB, "batch", GPU)


def test_the_largest_episode_is_run_in_the_way_measured_as_fastest() -> None:
    train = SEED.override(recompute="host", tapes=0)
    enough = 10**6 * GIB

    found = [solve(train, enough, "steps", machine).choice.segment for machine in (GPU, MEASURED)]

    assert found == [8, 1]


def test_measured_times_do_not_apply_to_another_size() -> None:
    train = SEED.override(recompute="host", tapes=0)

    assert solve(train, CARD, "batch", MEASURED) == solve(train, CARD, "batch", GPU)


def test_steps_are_limited_by_the_configuration() -> None:
    assert solve(SEED, 10**6 * GIB, "steps", GPU).value == 1_000_000
