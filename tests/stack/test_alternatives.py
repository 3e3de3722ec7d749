"""The alternatives to the planned way to train on a GPU."""

from dataclasses import replace
from pathlib import Path

import pytest

from infra.host.facts import GpuDriver, HostFacts, Known, require
from infra.host.recording import load
from infra.stack.alternatives import Alternative, list_alternatives
from infra.stack.plan import plan_stack
from qca.cli.alternatives import describe_sources
from qca.core.units import GIB, format_size
from tests.support.hosts import config, host, python
from tests.support.step_timings import make_timing

HOSTS = Path(__file__).parents[1] / "hosts"


def compare(facts: HostFacts, **train: object) -> list[Alternative]:
    settings = config(train=train)
    return list_alternatives(settings, plan_stack(facts, settings))


@pytest.fixture
def workstation() -> HostFacts:
    return load(HOSTS / "gpu-workstation.json")


def test_each_precision_of_the_gpu_has_its_fastest_strategy(workstation: HostFacts) -> None:
    found = compare(workstation)

    assert {(one.precision, one.segment, one.is_planned) for one in found} == {
        ("bf16", 16, False),
        ("fp16", 16, False),
        ("tf32", 16, False),
        ("fp32", 8, True),
        ("fp32", 1, False),
    }
    assert all(one.fits for one in found)


def test_times_are_relative_to_the_plan(workstation: HostFacts) -> None:
    found = compare(workstation)

    assert [one.time_ratio for one in found] == sorted(one.time_ratio for one in found)
    assert [one.time_ratio for one in found if one.is_planned] == [1.0]


def test_equally_fast_alternatives_keep_the_order_of_the_precisions(
    workstation: HostFacts,
) -> None:
    found = {one.precision: one.time_ratio for one in compare(workstation)}

    assert found["bf16"] == found["fp16"]
    assert list(found)[:2] == ["bf16", "fp16"]


def test_the_plan_itself_may_be_the_fastest(workstation: HostFacts) -> None:
    planned = [one for one in compare(workstation, precision="bf16") if one.is_planned]

    assert [(one.precision, one.time_ratio) for one in planned] == [("bf16", 1.0)]


def test_without_a_gpu_there_are_no_alternatives() -> None:
    assert compare(host()) == []


def test_an_episode_that_recomputes_nothing_is_compared_in_every_precision(
    workstation: HostFacts,
) -> None:
    found = compare(workstation, recompute="none")
    assert {one.precision for one in found if one.recompute == "none"} == {
        *("fp32", "tf32", "bf16", "fp16")
    }


def test_measurements_replace_the_built_in_figures(workstation: HostFacts) -> None:
    driver = require(workstation.gpu)
    assert isinstance(driver, GpuDriver)
    name = driver.gpus[0].name
    timings = (
        make_timing(device="another GPU", segment=8, seconds=1.0),
        make_timing(device=name, segment=8, seconds=0.01),
        make_timing(device=name, segment=16, precision="tf32", seconds=0.008, drift=0.5),
    )
    measured = host(
        **{
            field: getattr(workstation, field).value
            for field in ("system", "cpu", "memory", "docker", "compose", "gpu", "disks")
        },
        python=python(step_timings=timings),
    )

    found = compare(measured, tapes=0)

    by_precision = {one.precision: one for one in found if one.segment > 1}
    assert by_precision["tf32"].time_ratio == pytest.approx(0.8)
    assert by_precision["tf32"].drift == 0.5
    assert {one.precision for one in found if one.is_measured} == {"fp32", "tf32"}
    assert "did not measure bf16, fp16 here" in describe_sources(found)


@pytest.mark.parametrize("memory", [64 * GIB, 2 * GIB], ids=format_size)
def test_an_alternative_fits_only_if_its_host_memory_fits(
    workstation: HostFacts, memory: int
) -> None:
    usual = require(workstation.memory)
    facts = replace(workstation, memory=Known(value=replace(usual, available=memory)))
    settings = config(train={"recompute": "host"})
    plan = plan_stack(facts, settings)

    found = list_alternatives(settings, plan)

    [planned] = [one for one in found if one.is_planned]
    assert planned.fits is plan.trainer.fits.value is (memory == 64 * GIB)
    assert {one.fits for one in found if one.recompute == "host"} == {planned.fits}


def test_the_planned_alternative_matches_the_plan_on_several_gpus() -> None:
    facts = load(HOSTS / "server-8-gpus.json")
    settings = config(stack={"gpus": "all"})
    plan = plan_stack(facts, settings)

    [planned] = [one for one in list_alternatives(settings, plan) if one.is_planned]

    assert plan.trainer.gpus.value == 8
    assert planned.total_bytes == (
        plan.trainer.predicted_peak_bytes.value + plan.trainer.context_bytes.value
    )
