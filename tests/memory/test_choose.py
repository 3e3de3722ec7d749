"""Choosing how to run a training for a budget."""

from typing import Any, Literal

import pytest

from qca.core.config import ResolvedRecompute, TrainConfig
from qca.core.errors import InputError
from qca.core.units import GIB, MIB
from qca.memory.budget import estimate
from qca.memory.choose import choose, find_next_cheaper

SEED = TrainConfig()
CARD = int(3.68 * GIB)  # the card that the seed's run ran out of memory on


def configure(**values: Any) -> TrainConfig:
    return SEED.override(**values)


def predict_need(recompute: ResolvedRecompute, **values: Any) -> int:
    return estimate(configure(**values), recompute=recompute).total_bytes


# From the dearest to the cheapest: each is taken where the one before it lacks one byte.
LADDER = [
    ("none", "fp32", "device"),
    ("step", "fp32", "device"),
    ("two-level", "fp32", "device"),
    ("host", "fp32", "device"),
    ("two-level", "fp32", "host"),
    ("host", "fp32", "host"),
]


@pytest.mark.parametrize(("recompute", "precision", "optimizer_state"), LADDER)
def test_auto_takes_the_first_way_that_fits_and_with_a_byte_less_the_next(
    recompute: Any, precision: str, optimizer_state: str
) -> None:
    budget = predict_need(recompute, precision=precision, optimizer_state=optimizer_state)
    choice = choose(SEED, budget)
    assert (choice.recompute, choice.precision, choice.optimizer_state) == (
        recompute,
        precision,
        optimizer_state,
    )
    assert choice.fits
    following = LADDER.index((recompute, precision, optimizer_state)) + 1
    less = choose(SEED, budget - 1)
    if following == len(LADDER):
        assert not less.fits
    else:
        assert (less.recompute, less.precision, less.optimizer_state) == LADDER[following]


@pytest.mark.parametrize("half", ["bf16", "fp16"])
def test_half_precision_comes_last_and_only_where_the_card_has_it(
    half: Literal["bf16", "fp16"],
) -> None:
    # Many states side by side: there the activations weigh more than a copy of the weights.
    many = configure(batch_size=16)
    too_little = choose(many, 0).estimate.total_bytes - 1
    assert not choose(many, too_little).fits
    choice = choose(many, too_little, half=half)
    assert (choice.precision, choice.fits) == (half, True)


@pytest.mark.parametrize(
    ("asked", "value"),
    [("recompute", "none"), ("recompute", "host"), ("precision", "bf16"), ("batch_size", 64)],
)
def test_what_is_asked_for_is_judged_and_not_replaced(asked: str, value: Any) -> None:
    choice = choose(configure(**{asked: value}), CARD, half="fp16")
    assert getattr(choice.train, asked) == value


def test_where_nothing_fits_it_is_the_way_that_needs_least() -> None:
    choice = choose(SEED, 0)
    assert (choice.fits, choice.recompute, choice.optimizer_state) == (False, "host", "host")


def test_where_the_budget_is_unknown_it_is_one_steps_graph() -> None:
    choice = choose(SEED, None)
    assert (choice.fits, choice.recompute, choice.precision) == (None, "step", "fp32")


def test_a_cpu_keeps_no_states_or_moments_elsewhere() -> None:
    choice = choose(SEED, 0, device="cpu")
    assert (choice.recompute, choice.optimizer_state) == ("two-level", "device")


@pytest.mark.parametrize("half", ["bf16", "fp16"])
def test_half_precision_by_plain_autograd_is_refused_with_the_reason(half: Any) -> None:
    with pytest.raises(InputError, match="would add up the gradients of 500 steps in 16 bits"):
        choose(configure(precision=half, recompute="none"), CARD)


def test_says_what_the_choice_needs_what_there_is_and_what_is_preferred() -> None:
    because = choose(SEED, CARD).because
    assert "recompute plan `step` needs" in because
    assert "budget of 3.68 GiB" in because
    assert "what is preferred to it would need" in because
    assert "(recompute plan `none`)" in because


def test_says_by_how_much_it_does_not_fit() -> None:
    assert "more than the budget of 100 MiB" in choose(SEED, 100 * MIB).because


def test_says_that_the_budget_is_unknown() -> None:
    assert "budget is unknown" in choose(SEED, None).because


def test_after_a_refusal_each_plan_is_followed_by_the_next_cheaper_to_the_last() -> None:
    train, tried = configure(recompute="none", precision="fp32", optimizer_state="device"), []
    while (cheaper := find_next_cheaper(train, device="cuda")) is not None:
        train, found = cheaper
        assert found == estimate(train, recompute=train.recompute)  # type: ignore[arg-type]
        tried.append((train.recompute, train.precision, train.optimizer_state))
    assert tried == LADDER[1:]


def test_after_a_refusal_the_precision_stays() -> None:
    cheaper = find_next_cheaper(configure(recompute="step", precision="bf16"), device="cuda")
    assert cheaper is not None
    assert cheaper[0].precision == "bf16"


def test_what_goes_to_the_host_has_to_fit_there() -> None:
    budget = predict_need("host")
    states = choose(SEED, budget).host_bytes
    assert choose(SEED, budget, host_budget=states).recompute == "host"
    assert not choose(SEED, budget, host_budget=states - 1).fits
    asked = choose(configure(recompute="host"), budget, host_budget=states - 1)
    assert (asked.recompute, asked.fits) == ("host", False)
    assert "more than the 256 MiB that the host has for it" in asked.because
