"""Choose a recompute strategy that fits a budget."""

from dataclasses import replace
from typing import Any, Literal

import pytest

from qca.core.config import ResolvedDevice, ResolvedRecompute, TrainConfig
from qca.core.units import GIB, MIB
from qca.memory.budget import estimate
from qca.memory.choose import choose, find_next_cheaper
from tests.support.machines import CPU, GPU, MACHINES

SEED = TrainConfig()
CARD = int(3.68 * GIB)  # the card on which the original model ran out of memory


def configure(**values: Any) -> TrainConfig:
    return SEED.override(**values)


def predict_need(recompute: ResolvedRecompute, **values: Any) -> int:
    return estimate(configure(**values), recompute=recompute, machine=GPU).total_bytes


# By the cost model, fastest first; each is chosen if those before it do not fit.
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
def test_auto_chooses_the_fastest_strategy_that_fits(
    recompute: Any, segment: int, optimizer_state: str
) -> None:
    budget = predict_need(recompute, segment=segment, optimizer_state=optimizer_state)
    choice = choose(SEED, budget, GPU)
    assert (choice.recompute, choice.segment, choice.optimizer_state) == (
        recompute,
        segment,
        optimizer_state,
    )
    assert choice.fits
    less = choose(SEED, budget - 1, GPU)
    assert not less.fits or less.estimate.total_bytes < budget


def test_one_byte_less_than_the_last_strategy_needs_fits_nothing() -> None:
    recompute, segment, optimizer_state = LADDER[-1]
    budget = predict_need(recompute, segment=segment, optimizer_state=optimizer_state)  # type: ignore[arg-type]
    assert not choose(SEED, budget - 1, GPU).fits


@pytest.mark.parametrize(
    ("precision", "segment", "tapes"), [("fp32", 8, 500), ("tf32", 16, 500), ("bf16", 16, 0)]
)
def test_a_large_budget_allows_the_fastest_measured_way(
    precision: str, segment: int, tapes: int
) -> None:
    """In 16 bits, copying a tape takes as long as recomputing its steps."""
    choice = choose(configure(precision=precision), 80 * GIB, GPU)
    assert (choice.segment, choice.tapes) == (segment, tapes)


def test_a_segment_is_no_longer_than_the_episode() -> None:
    assert choose(configure(steps=5), 80 * GIB, GPU).segment == 4


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_nothing_is_recomputed_if_every_tape_fits(device: ResolvedDevice) -> None:
    choice = choose(configure(steps=5, grid=8), 80 * GIB, MACHINES[device])
    assert (choice.recompute, choice.tapes) == ("none", 5)


def test_tapes_of_all_steps_mean_that_nothing_is_recomputed() -> None:
    choice = choose(configure(steps=32, tapes=32), 64 * GIB, CPU)
    assert (choice.recompute, choice.tapes) == ("none", 32)


@pytest.mark.parametrize("half", ["bf16", "fp16"])
def test_half_precision_is_the_last_choice_and_only_if_supported(
    half: Literal["bf16", "fp16"],
) -> None:
    # With a large batch, the activations take more than a copy of the weights.
    many = configure(batch_size=16)
    too_little = choose(many, 0, GPU).estimate.total_bytes - 1
    assert not choose(many, too_little, GPU).fits
    choice = choose(many, too_little, replace(GPU, half=half))
    assert (choice.precision, choice.fits) == (half, True)


@pytest.mark.parametrize(
    ("asked", "value"),
    [("recompute", "none"), ("recompute", "host"), ("precision", "bf16"), ("batch_size", 64)],
)
def test_a_configured_strategy_is_checked_and_not_replaced(asked: str, value: Any) -> None:
    choice = choose(configure(**{asked: value}), CARD, replace(GPU, half="fp16"))
    assert getattr(choice.train, asked) == value


def test_if_nothing_fits_the_strategy_with_the_least_need_is_returned() -> None:
    choice = choose(SEED, 0, GPU)
    assert (choice.fits, choice.recompute, choice.optimizer_state) == (False, "host", "host")


def test_with_an_unknown_budget_one_steps_graph_is_chosen() -> None:
    choice = choose(SEED, None, GPU)
    assert (choice.fits, choice.recompute, choice.segment) == (None, "step", 1)


def test_a_cpu_keeps_no_states_or_moments_elsewhere() -> None:
    choice = choose(SEED, 0, CPU)
    assert (choice.recompute, choice.optimizer_state) == ("two-level", "device")


def test_the_reason_names_need_budget_and_preferred_plans() -> None:
    because = choose(SEED, 2 * GIB + 200 * MIB, GPU).because
    assert "recompute strategy `host` in segments of 8 steps needs" in because
    assert "budget of 2.2 GiB" in because
    assert "preferred plans would need at least" in because
    assert "(recompute strategy `step` in segments of 8 steps)" in because


def test_the_reason_says_how_much_is_missing() -> None:
    assert "the budget of 100 MiB is not enough" in choose(SEED, 100 * MIB, GPU).because


def test_the_reason_says_that_the_budget_is_unknown() -> None:
    assert "budget is unknown" in choose(SEED, None, GPU).because


def test_after_a_refusal_each_plan_is_followed_by_the_next_cheaper_one() -> None:
    train, tried = configure(recompute="none", segment=8, precision="fp32"), []
    train = train.override(optimizer_state="device")
    while (cheaper := find_next_cheaper(train, GPU)) is not None:
        train, found = cheaper
        assert train.recompute != "auto"
        assert found == estimate(train, recompute=train.recompute, machine=GPU)
        tried.append((train.recompute, train.segment, train.tapes, train.optimizer_state))
    assert tried == [
        ("step", 8, 0, "device"),
        ("step", 1, 0, "device"),
        ("host", 1, 0, "device"),
        ("host", 1, 0, "host"),
    ]


def test_after_a_refusal_the_tapes_go_first() -> None:
    asked = configure(recompute="host", segment=8, tapes=16, precision="bf16")
    cheaper = find_next_cheaper(asked, GPU)
    assert cheaper is not None
    train, _ = cheaper
    assert (train.recompute, train.segment, train.tapes) == ("host", 8, 0)


def test_after_a_refusal_the_precision_is_kept() -> None:
    cheaper = find_next_cheaper(configure(recompute="step", precision="bf16"), GPU)
    assert cheaper is not None
    assert cheaper[0].precision == "bf16"


def test_memory_moved_to_the_host_must_fit_there() -> None:
    budget = predict_need("host")
    states = choose(SEED, budget, GPU).host_bytes
    assert choose(SEED, budget, replace(GPU, host_budget=states)).recompute == "host"
    assert not choose(SEED, budget, replace(GPU, host_budget=states - 1)).fits
    asked = choose(configure(recompute="host"), budget, replace(GPU, host_budget=states - 1))
    assert (asked.recompute, asked.fits) == ("host", False)
    assert "the host has only 256 MiB available" in asked.because
