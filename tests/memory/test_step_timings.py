"""Measured step times are cached by device and sizes, and replace the built-in ones."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from qca.core.config import TrainConfig
from qca.memory.choose import choose
from qca.memory.cost import estimate_step_cost
from qca.memory.step_timings import keep_step_timings, read_step_timings
from qca.memory.ways import Way, list_precisions, list_ways
from tests.support.machines import GPU
from tests.support.step_timings import make_timing


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "qca" / "step-timings.json"


def test_a_timing_is_cached_for_its_torch() -> None:
    timing = make_timing()

    keep_step_timings([timing])

    assert read_step_timings("2.13.0+cu130") == (timing,)
    assert read_step_timings("2.14.0+cu130") == ()


def test_a_second_measurement_replaces_the_first() -> None:
    keep_step_timings([make_timing(), make_timing(segment=8, seconds=0.07)])
    keep_step_timings([make_timing(seconds=0.2)])

    assert [(one.segment, one.seconds) for one in read_step_timings("2.13.0+cu130")] == [
        (8, 0.07),
        (1, 0.2),
    ]


@pytest.mark.parametrize("text", ["", "[]", '{"timings": 1}', '{"timings": [{"seconds": "x"}]}'])
def test_a_damaged_cache_counts_as_empty(cache: Path, text: str) -> None:
    cache.parent.mkdir()
    cache.write_text(text)

    assert read_step_timings("2.13.0+cu130") == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [("seconds", 0.0), ("seconds", "1"), ("grid", 1.5), ("precision", "int8"), ("drift", "x")],
)
def test_a_timing_with_a_wrong_value_counts_as_none(cache: Path, field: str, value: object) -> None:
    keep_step_timings([make_timing()])
    document = json.loads(cache.read_text())
    document["timings"][0][field] = value
    cache.write_text(json.dumps(document))

    assert read_step_timings("2.13.0+cu130") == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, True), ({"grid": 32}, False), ({"batch_size": 2}, False), ({"steps": 8}, True)],
)
def test_a_timing_applies_to_one_size(changes: dict[str, object], expected: bool) -> None:
    timing = make_timing(**changes)
    machine = replace(GPU, timings=(timing,))

    assert machine.select_timings(TrainConfig()) == ((timing,) if expected else ())


def test_a_measured_strategy_has_its_measured_cost() -> None:
    timings = [make_timing(), make_timing(segment=8, seconds=0.07)]

    cost = estimate_step_cost("step", "fp32", 8, device="cuda", timings=timings)

    assert cost == pytest.approx(0.07)


def test_an_unmeasured_strategy_scales_with_the_most_similar_one() -> None:
    timings = [make_timing(), make_timing(precision="tf32", seconds=0.09)]
    built_in = [estimate_step_cost("step", "tf32", k, device="cuda") for k in (1, 16)]

    cost = estimate_step_cost("step", "tf32", 16, device="cuda", timings=timings)

    assert cost == pytest.approx(0.09 * built_in[1] / built_in[0])


def test_auto_chooses_the_strategy_measured_as_fastest() -> None:
    slow_segments = [make_timing(), *(make_timing(segment=k, seconds=0.3) for k in (2, 4, 8))]
    budget = 8 * 2**30

    built_in = choose(TrainConfig(), budget, GPU)
    measured = choose(TrainConfig(), budget, replace(GPU, timings=tuple(slow_segments)))

    assert (built_in.segment, built_in.is_measured) == (8, False)
    assert (measured.segment, measured.is_measured) == (1, True)
    assert "by the step times measured here with torch" in measured.because
    assert "measured here" not in built_in.because


@pytest.mark.parametrize(
    ("compute_capability", "expected"),
    [
        (None, ["fp32"]),
        ((5, 2), ["fp32"]),
        ((7, 5), ["fp32", "fp16"]),
        ((8, 6), ["fp32", "tf32", "bf16", "fp16"]),
    ],
)
def test_the_precisions_are_those_that_the_gpu_supports(
    compute_capability: tuple[int, int] | None, expected: list[str]
) -> None:
    assert list_precisions(compute_capability) == expected


def test_each_precision_is_measured_with_its_longest_segment_and_with_single_steps() -> None:
    ways = list(list_ways(TrainConfig(), "cuda", ["fp32", "tf32"]))

    assert ways == [
        Way("step", 8, "fp32"),
        Way("step", 1, "fp32"),
        Way("step", 16, "tf32"),
        Way("step", 1, "tf32"),
        Way("two-level", 8, "fp32"),
        Way("host", 8, "fp32"),
    ]


def test_a_cpu_measures_plain_autograd_too() -> None:
    assert list(list_ways(TrainConfig(), "cpu", ["fp32"])) == [
        Way("step", 1, "fp32"),
        Way("two-level", 1, "fp32"),
        Way("none", 1, "fp32"),
    ]
