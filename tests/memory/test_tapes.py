"""The choice of how many last steps are not recomputed, for any sizes and budget."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qca.core.config import ResolvedDevice, ResolvedPrecision, ResolvedRecompute, TrainConfig
from qca.core.units import GIB
from qca.memory.activations import find_tapes
from qca.memory.budget import estimate
from qca.memory.candidates import LEAST_SAVING, STRATEGIES
from qca.memory.choose import Choice, choose
from qca.memory.cost import estimate_step_cost, list_segments
from tests.support.machines import GPU, MACHINES

SIZES = st.fixed_dictionaries(
    {
        "grid": st.sampled_from([4, 16, 64]),
        "d_state": st.sampled_from([1, 14, 64]),
        "hidden_channels": st.sampled_from([2, 16, 128]),
        "steps": st.integers(1, 20),
        "batch_size": st.sampled_from([1, 4]),
        "precision": st.sampled_from(["fp32", "tf32", "bf16"]),
    }
)
DEVICES: Any = st.sampled_from(["cpu", "cuda"])


def configure(**values: Any) -> TrainConfig:
    return TrainConfig(optimizer_state="device", **values)


def get_precision(train: TrainConfig) -> ResolvedPrecision:
    assert train.precision != "auto"
    return train.precision


def list_ways(
    train: TrainConfig, device: ResolvedDevice
) -> Iterator[tuple[ResolvedRecompute, int, int]]:
    """Yield every way to run it: recompute, segment and tapes."""
    for recompute in STRATEGIES[device]:
        for segment in list_segments(get_precision(train), train.steps, device=device):
            for tapes in {*range(0, train.steps, segment), train.steps}:
                yield recompute, segment, tapes


def compute_cost(
    train: TrainConfig, device: ResolvedDevice, way: tuple[ResolvedRecompute, int, int]
) -> float:
    recompute, segment, tapes = way
    taped = find_tapes(train.override(segment=segment, tapes=tapes), recompute) / train.steps
    return estimate_step_cost(recompute, get_precision(train), segment, taped=taped, device=device)


def choose_between(train: TrainConfig, device: ResolvedDevice, share: float) -> tuple[Choice, int]:
    """Return the choice for a budget between the least and the most that it can need."""
    least = choose(train, 0, MACHINES[device]).estimate.total_bytes
    segment = list_segments(get_precision(train), train.steps, device=device)[0]
    most = estimate(
        train.override(segment=segment), recompute="none", machine=MACHINES[device]
    ).total_bytes
    budget = least + round(share * (most - least))
    return choose(train, budget, MACHINES[device]), budget


@given(SIZES, DEVICES, st.floats(0, 1.1))
@settings(max_examples=25)
def test_no_way_that_fits_is_clearly_faster(
    values: dict[str, Any], device: ResolvedDevice, share: float
) -> None:
    train = configure(**values)
    choice, budget = choose_between(train, device, share)
    if not choice.fits:
        return

    def fits(recompute: ResolvedRecompute, segment: int, tapes: int) -> bool:
        way = train.override(segment=segment, tapes=tapes)
        return estimate(way, recompute=recompute, machine=MACHINES[device]).fits(budget)

    # The tape of the last segment can need less than its states. The choice ignores that.
    fitting = [way for way in list_ways(train, device) if fits(way[0], way[1], 0) and fits(*way)]

    fastest = min(compute_cost(train, device, way) for way in fitting)

    chosen = (choice.recompute, choice.segment, choice.tapes)
    assert (1 - LEAST_SAVING) * compute_cost(train, device, chosen) <= fastest


@given(SIZES, DEVICES, st.floats(0, 1.1))
def test_the_choice_fits_and_has_whole_segments(
    values: dict[str, Any], device: ResolvedDevice, share: float
) -> None:
    train = configure(**values)
    choice, budget = choose_between(train, device, share)

    assert choice.fits is (choice.estimate.total_bytes <= budget)
    assert choice.tapes == train.steps or choice.tapes % choice.segment == 0
    assert (choice.recompute == "none") <= (choice.tapes == train.steps)


@given(SIZES, DEVICES, st.floats(0, 1), st.floats(0, 0.2))
def test_more_memory_is_never_slower(
    values: dict[str, Any], device: ResolvedDevice, share: float, more: float
) -> None:
    train = configure(**values)
    costs = [
        compute_cost(train, device, (choice.recompute, choice.segment, choice.tapes))
        for choice, _ in (choose_between(train, device, part) for part in (share, share + more))
        if choice.fits
    ]

    assert costs == sorted(costs, reverse=True)


@pytest.mark.parametrize(
    ("asked", "segment", "expected"),
    [(0, 8, 0), (7, 8, 0), (8, 8, 8), (23, 8, 16), (499, 8, 496), (500, 8, 500), (900, 8, 500)],
)
def test_tapes_are_whole_segments_or_all(asked: int, segment: int, expected: int) -> None:
    choice = choose(TrainConfig(tapes=asked, segment=segment), 80 * GIB, GPU)
    assert (choice.tapes, choice.train.tapes) == (expected, expected)


def test_a_few_tapes_are_not_worth_a_full_card() -> None:
    assert choose(TrainConfig(), int(3.68 * GIB), GPU).tapes == 0
    assert choose(TrainConfig(), 8 * GIB, GPU).tapes > 100


def test_says_how_many_steps_are_kept() -> None:
    assert (
        ", keeping the activations of the last 16 steps, needs"
        in choose(TrainConfig(recompute="step", segment=8, tapes=16), 80 * GIB, GPU).because
    )
