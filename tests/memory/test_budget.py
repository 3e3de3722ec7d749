"""The terms of the closed form, and how they grow."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qca.core.config import ResolvedRecompute, TrainConfig
from qca.core.unet_shape import count_groups
from qca.core.units import MIB
from qca.memory.budget import count_parameters, estimate, estimate_host_bytes
from qca.memory.context import CUDA_CONTEXT, NCCL_CONTEXT, RESIDENT_FLOOR
from qca.memory.retained_states import compute_interval
from qca.model.unet import UNetUnitary
from tests.support.machines import CPU, GPU, MACHINES, OLD_GPU

STRATEGIES: list[ResolvedRecompute] = ["none", "step", "two-level", "host"]
SEED = TrainConfig()  # d_state 14, 128 channels, 64x64, 500 steps

sizes = st.fixed_dictionaries(
    {
        "grid": st.integers(1, 32).map(lambda quarter: 4 * quarter),
        "d_state": st.integers(1, 64),
        "hidden_channels": st.integers(1, 160),
        "steps": st.integers(1, 2000),
        "batch_size": st.integers(1, 16),
        "update": st.sampled_from(["cartesian", "unitary"]),
        "loss": st.sampled_from(["evolutionary", "mse_energy", "structure"]),
        "max_noise": st.sampled_from([0.0, 0.1]),
        "precision": st.sampled_from(["fp32", "tf32", "bf16", "fp16"]),
        "optimizer_state": st.sampled_from(["device", "host"]),
    }
)
strategies = st.sampled_from(STRATEGIES)
STEP_OF = {"grid": 4, "d_state": 1, "hidden_channels": 1, "steps": 1, "batch_size": 1}


def predict_peak(recompute: ResolvedRecompute, values: dict[str, Any]) -> int:
    found = estimate(TrainConfig(**values), recompute=recompute, machine=CPU)
    return found.predicted_peak_bytes


@pytest.mark.parametrize(
    ("d_state", "hidden_channels"), [(14, 128), (1, 1), (4, 16), (3, 12), (14, 64)]
)
def test_counts_the_parameters_of_the_real_network(d_state: int, hidden_channels: int) -> None:
    model = UNetUnitary(d_state, hidden_channels)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count_parameters(d_state, hidden_channels) == count


def test_the_seeds_network_has_27_883_292_parameters() -> None:
    assert count_parameters(14, 128) == 27_883_292


def test_the_terms_of_the_seeds_run_equal_the_measured_ones() -> None:
    terms = estimate(SEED, recompute="step", machine=CPU).breakdown
    assert terms.parameters / MIB == pytest.approx(106.4, abs=0.05)
    assert terms.gradients / MIB == pytest.approx(106.4, abs=0.05)
    assert terms.optimizer / MIB == pytest.approx(212.7, abs=0.05)
    assert terms.states / MIB == 500 * 0.4375
    assert terms.workspace == 0


def test_the_seeds_run_needs_gibibytes_with_plain_autograd_and_under_800_mib_with_step() -> None:
    plain = estimate(SEED, recompute="none", machine=CPU).predicted_peak_bytes
    step = estimate(SEED, recompute="step", machine=CPU).predicted_peak_bytes
    assert plain / MIB == pytest.approx(24_400, rel=0.02)
    assert 700 < step / MIB < 800


@given(sizes, strategies, st.sampled_from(["cpu", "cuda"]))
def test_the_breakdown_adds_up(
    values: dict[str, Any], recompute: ResolvedRecompute, device: Any
) -> None:
    found = estimate(TrainConfig(**values), recompute=recompute, machine=MACHINES[device])
    terms = vars(found.breakdown)
    assert sum(terms.values()) == found.predicted_peak_bytes
    assert min(terms.values()) >= 0
    assert (terms["workspace"] == 0) == (device == "cpu")


def begins_segment(values: dict[str, Any], recompute: ResolvedRecompute, key: str) -> bool:
    """Return whether one more step starts a segment of `two-level`, with fewer states alive.

    If the loss needs more than the network, the peak is in its backward, and drops there.
    """
    steps = values["steps"]
    return recompute == "two-level" and key == "steps" and steps % compute_interval(steps) == 0


def test_the_need_of_two_level_drops_if_a_step_starts_a_segment() -> None:
    small = TrainConfig(grid=4, d_state=1, hidden_channels=1, precision="bf16")
    before, after = (
        estimate(small.override(steps=steps), recompute="two-level", machine=OLD_GPU).total_bytes
        for steps in (380, 381)
    )
    assert after < before


def loses_groups(values: dict[str, Any], more: dict[str, Any]) -> bool:
    """Return whether GroupNorm has fewer groups with more channels, and saves fewer statistics.

    On the smallest grids, the statistics of all steps can take more than the maps.
    """
    before, after = values["hidden_channels"], more["hidden_channels"]
    return any(count_groups(n * after) < count_groups(n * before) for n in (1, 2, 4, 8))


@given(sizes, strategies, st.sampled_from(sorted(STEP_OF)))
def test_larger_sizes_never_need_less(
    values: dict[str, Any], recompute: ResolvedRecompute, key: str
) -> None:
    more = {**values, key: values[key] + STEP_OF[key]}
    assume(not begins_segment(values, recompute, key) and not loses_groups(values, more))
    assert predict_peak(recompute, more) >= predict_peak(recompute, values)


@given(sizes, strategies, st.sampled_from(["grid", "steps", "batch_size"]))
def test_larger_sizes_of_solve_never_need_less_on_a_gpu(
    values: dict[str, Any], recompute: ResolvedRecompute, key: str
) -> None:
    assume(not begins_segment(values, recompute, key))
    more = TrainConfig(**{**values, key: values[key] + STEP_OF[key]})
    less = TrainConfig(**values)
    assert (
        estimate(more, recompute=recompute, machine=GPU).total_bytes
        >= estimate(less, recompute=recompute, machine=GPU).total_bytes
    )


@given(sizes, st.sampled_from(["none", "step", "host"]))
def test_every_additional_step_adds_the_same_need(
    values: dict[str, Any], recompute: ResolvedRecompute
) -> None:
    # Large enough for the loss to evaluate all its sample steps, and to exceed the optimizer's own
    # need.
    steps = 3000
    first, second, third = (
        predict_peak(recompute, {**values, "steps": steps + more}) for more in (0, 1, 2)
    )
    if second - first > 0:
        assert third - second == second - first


def test_an_additional_step_adds_a_state_under_step_and_a_graph_under_none() -> None:
    state = 14 * 64 * 64 * 8
    at = {
        (recompute, steps): estimate(
            SEED.override(steps=steps), recompute=recompute, machine=CPU
        ).predicted_peak_bytes
        for recompute in STRATEGIES
        for steps in (500, 501)
    }
    assert at["step", 501] - at["step", 500] == at["host", 501] - at["host", 500] == state
    assert at["two-level", 501] - at["two-level", 500] <= state
    assert at["none", 501] - at["none", 500] > 100 * state


def test_all_strategies_need_the_same_weights_gradients_and_optimizer() -> None:
    found = [estimate(SEED, recompute=recompute, machine=GPU).breakdown for recompute in STRATEGIES]
    assert len({(terms.parameters, terms.gradients, terms.optimizer) for terms in found}) == 1


def test_each_strategy_needs_less_than_the_one_before_it() -> None:
    needs = [
        estimate(SEED, recompute=recompute, machine=GPU).predicted_peak_bytes
        for recompute in STRATEGIES
    ]
    assert needs == sorted(needs, reverse=True)


def test_two_level_keeps_about_twice_the_root_of_the_steps_and_host_two() -> None:
    state = 14 * 64 * 64 * 8
    kept = {
        recompute: estimate(SEED, recompute=recompute, machine=GPU).breakdown.states // state
        for recompute in STRATEGIES
    }
    assert kept == {"none": 1, "step": 500, "two-level": 43, "host": 2}


def test_half_precision_adds_a_copy_of_the_weights_and_halves_activations() -> None:
    full, half = (
        estimate(SEED.override(precision=precision), recompute="step", machine=GPU).breakdown
        for precision in ("fp32", "bf16")
    )
    assert half.parameters == 1.5 * full.parameters
    assert (half.gradients, half.optimizer) == (full.gradients, full.optimizer)
    assert half.activations < 0.8 * full.activations


def test_moments_in_host_memory_count_for_the_host_only() -> None:
    there = SEED.override(optimizer_state="host")
    assert estimate(there, recompute="step", machine=GPU).breakdown.optimizer == 0
    weights = 4 * 27_883_292
    assert estimate_host_bytes(there, "step") == 4 * weights  # two moments, and copies to work on
    assert estimate_host_bytes(SEED, "step") == 0


def test_states_in_host_memory_are_pinned_in_a_power_of_two() -> None:
    assert estimate_host_bytes(SEED, "host") == 2**28  # 500 states of 0.4375 MiB are 218.75 MiB


def test_the_context_is_separate_from_the_peak() -> None:
    found = estimate(SEED, recompute="step", machine=GPU)
    assert found.context_bytes == CUDA_CONTEXT
    assert found.total_bytes == found.predicted_peak_bytes + CUDA_CONTEXT
    assert found.fits(found.total_bytes)
    assert not found.fits(found.total_bytes - 1)
    assert estimate(SEED, recompute="step", machine=CPU).context_bytes > RESIDENT_FLOOR


def test_a_cpus_context_follows_the_measurement_of_this_python() -> None:
    shipped = estimate(SEED, recompute="step", machine=CPU)
    measured = estimate(SEED, recompute="step", machine=replace(CPU, resident_floor=600 * MIB))
    assert (shipped.context.measured, measured.context.measured) == (False, True)
    assert measured.predicted_peak_bytes == shipped.predicted_peak_bytes
    assert measured.context_bytes - shipped.context_bytes == 600 * MIB - RESIDENT_FLOOR


def test_gpus_that_train_together_also_need_nccls_memory() -> None:
    alone = estimate(SEED, recompute="step", machine=GPU)
    each = estimate(SEED, recompute="step", machine=replace(GPU, together=True))
    assert each.predicted_peak_bytes == alone.predicted_peak_bytes
    assert each.context_bytes == CUDA_CONTEXT + NCCL_CONTEXT
    on_a_cpu = estimate(SEED, recompute="step", machine=replace(CPU, together=True))
    assert on_a_cpu == estimate(SEED, recompute="step", machine=CPU)


def test_noise_takes_memory_only_if_it_is_applied() -> None:
    quiet = predict_peak("none", {"max_noise": 0.0})
    assert predict_peak("none", {"max_noise": 0.0005}) == quiet
    assert predict_peak("none", {"max_noise": 0.1}) > quiet


@pytest.mark.parametrize("module", ["budget", "choose", "solve", "optimizer_placement", "nvml"])
def test_needs_no_torch(module: str) -> None:
    code = f"import sys, qca.memory.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
