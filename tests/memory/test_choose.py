"""Choose how to run a training run within a budget."""

from typing import Any, Literal

import pytest

from qca.core.config import ResolvedRecompute, TrainConfig
from qca.core.errors import InputError
from qca.core.units import GIB, MIB
from qca.memory.budget import estimate
from qca.memory.choose import choose, find_next_cheaper

SEED = TrainConfig()
CARD = int(3.68 * GIB)  # the card on which the original model ran out of memory


def configure(**values: Any) -> TrainConfig:
    return SEED.override(**values)


def predict_need(recompute: ResolvedRecompute, **values: Any) -> int:
    return estimate(configure(**values), recompute=recompute).total_bytes


# By the cost model, the fastest first; each is taken where those before it lack memory.
LADDER = [
    ("step", 8, "device"),
    ("host", 8, "device"),
    ("step", 4, "device"),
    ("host", 4, "device"),
    ("host", 2, "device"),
    ("host", 1, "device"),
    ("host", 1, "host"),
]


@pytest.mark.parametrize(("recompute", "segment", "optimizer_state"), LADDER)
def test_auto_takes_the_fastest_way_that_fits(
    recompute: Any, segment: int, optimizer_state: str
) -> None:
    budget = predict_need(recompute, segment=segment, optimizer_state=optimizer_state)
    choice = choose(SEED, budget)
    assert (choice.recompute, choice.segment, choice.optimizer_state) == (
        recompute,
        segment,
        optimizer_state,
    )
    assert choice.fits
    less = choose(SEED, budget - 1)
    assert not less.fits or less.estimate.total_bytes < budget


def test_with_a_byte_less_than_the_last_way_needs_nothing_fits() -> None:
    recompute, segment, optimizer_state = LADDER[-1]
    budget = predict_need(recompute, segment=segment, optimizer_state=optimizer_state)  # type: ignore[arg-type]
    assert not choose(SEED, budget - 1).fits


@pytest.mark.parametrize(("precision", "segment"), [("fp32", 8), ("tf32", 16), ("bf16", 16)])
def test_a_large_budget_buys_the_segment_that_was_measured_fastest(
    precision: str, segment: int
) -> None:
    choice = choose(configure(precision=precision), 80 * GIB)
    assert (choice.recompute, choice.segment, choice.tapes) == ("step", segment, 0)


def test_a_segment_is_no_longer_than_the_episode() -> None:
    assert choose(configure(steps=5), 80 * GIB).segment == 4


def test_plain_autograd_is_no_choice_on_a_gpu_and_the_first_on_a_cpu() -> None:
    small = configure(steps=4, grid=8)
    assert choose(small, 80 * GIB, device="cpu").tapes == 4
    assert choose(small, 80 * GIB).recompute == "step"


@pytest.mark.parametrize("half", ["bf16", "fp16"])
def test_half_precision_comes_last_and_only_where_the_card_has_it(
    half: Literal["bf16", "fp16"],
) -> None:
    # With a large batch, the activations take more than a copy of the weights.
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
    assert (choice.fits, choice.recompute, choice.segment) == (None, "step", 1)


def test_a_cpu_keeps_no_states_or_moments_elsewhere() -> None:
    choice = choose(SEED, 0, device="cpu")
    assert (choice.recompute, choice.optimizer_state) == ("two-level", "device")


@pytest.mark.parametrize("half", ["bf16", "fp16"])
def test_half_precision_by_plain_autograd_is_refused_with_the_reason(half: Any) -> None:
    with pytest.raises(InputError, match="would add up the gradients of 500 steps in 16 bits"):
        choose(configure(precision=half, recompute="none"), CARD)


def test_says_what_the_choice_needs_what_there_is_and_what_is_preferred() -> None:
    because = choose(SEED, 2 * GIB + 200 * MIB).because
    assert "recompute plan `host` in segments of 8 steps needs" in because
    assert "budget of 2.2 GiB" in because
    assert "what is preferred to it would need" in because
    assert "(recompute plan `step` in segments of 8 steps)" in because


def test_says_by_how_much_it_does_not_fit() -> None:
    assert "more than the budget of 100 MiB" in choose(SEED, 100 * MIB).because


def test_says_that_the_budget_is_unknown() -> None:
    assert "budget is unknown" in choose(SEED, None).because


def test_after_a_refusal_each_plan_is_followed_by_the_next_cheaper_to_the_last() -> None:
    train, tried = configure(recompute="step", segment=8, precision="fp32"), []
    train = train.override(optimizer_state="device")
    while (cheaper := find_next_cheaper(train, device="cuda")) is not None:
        train, found = cheaper
        assert found == estimate(train, recompute=train.recompute)  # type: ignore[arg-type]
        tried.append((train.recompute, train.segment, train.optimizer_state))
    assert tried == [("step", 1, "device"), ("host", 1, "device"), ("host", 1, "host")]


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


def test_plain_autograd_is_never_planned_in_16_bits() -> None:
    """`choose` refuses that plan, because it would add up 500 steps in 16 bits."""
    choice = choose(TrainConfig(recompute="none"), 24 * GIB, half="bf16")

    assert (choice.precision, choice.fits) == ("fp32", False)
