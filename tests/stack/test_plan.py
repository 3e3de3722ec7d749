from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.host.recording import load
from infra.stack.decision import list_decisions, strip_reasons
from infra.stack.plan import plan_stack, require_fit
from infra.stack.trainer_memory import RunningRun
from qca.core.config import Config, Runtime, StackConfig, TrainConfig
from qca.core.errors import PlanError
from qca.core.units import GIB, MIB
from qca.memory.context import CUDA_CONTEXT, NCCL_CONTEXT
from tests.support.hosts import (
    CDI_ENGINE,
    NOTHING_KNOWN,
    PLUGIN,
    bare_host,
    driver,
    engine,
    gpu,
    gpus_with_free,
    no_engine,
    python,
)
from tests.support.step_timings import make_timing


def get_reason(plan, name):
    return list_decisions(plan)[name].because


@pytest.mark.parametrize(
    ("cpus", "memory", "threads", "maxmemory"),
    [
        pytest.param(16, 16 * GIB, 4, 1 * GIB, id="seed's laptop"),
        pytest.param(2, 16 * GIB, 2, 512 * MIB, id="two CPUs"),
        pytest.param(8, 2 * GIB, 2, 512 * MIB, id="a quarter of 2 GiB holds two threads"),
        pytest.param(8, 1 * GIB, 1, 256 * MIB, id="a quarter of 1 GiB holds one thread"),
        pytest.param(1, 512 * MIB, 1, 256 * MIB, id="never less than one thread"),
    ],
)
def test_dragonfly_gets_what_fits_on_the_host(cpus, memory, threads, maxmemory):
    plan = plan_stack(bare_host(cpus=cpus, memory=memory), Config()).dragonfly
    assert (plan.proactor_threads.value, plan.maxmemory_bytes.value) == (threads, maxmemory)


@given(cpus=st.integers(1, 512), memory=st.integers(256 * MIB, 4096 * GIB))
def test_dragonfly_always_starts_and_leaves_room(cpus, memory):
    plan = plan_stack(bare_host(cpus=cpus, memory=memory), Config()).dragonfly
    assert 1 <= plan.proactor_threads.value <= min(cpus, 4)
    assert plan.maxmemory_bytes.value >= plan.proactor_threads.value * 256 * MIB
    assert plan.maxmemory_bytes.value <= max(memory // 4, 256 * MIB)
    assert plan.container_memory_bytes.value >= 1.35 * plan.maxmemory_bytes.value


@given(maxmemory=st.integers(256 * MIB, 64 * GIB), cpus=st.integers(1, 128))
def test_threads_follow_a_given_maxmemory(maxmemory, cpus):
    config = Config(stack=StackConfig(maxmemory=maxmemory))
    plan = plan_stack(bare_host(cpus=cpus), config).dragonfly
    assert plan.maxmemory_bytes.value == maxmemory
    assert plan.proactor_threads.value * 256 * MIB <= maxmemory


def test_configured_numbers_are_kept_even_if_dragonfly_would_refuse_them():
    config = Config(stack=StackConfig(maxmemory=2 * GIB, proactor_threads=16))
    plan = plan_stack(bare_host(), config)
    assert plan.dragonfly.proactor_threads.value == 16
    assert plan.dragonfly.maxmemory_bytes.value == 2 * GIB
    assert get_reason(plan, "dragonfly.proactor_threads") == "set in the configuration"


def test_docker_desktops_machine_counts_instead_of_the_host():
    small_vm = bare_host(cpus=16, memory=64 * GIB, docker=engine(cpus=2, memory=2 * GIB))
    assert plan_stack(small_vm, Config()).dragonfly.proactor_threads.value == 2


def test_an_unknown_host_gets_the_smallest_store_with_a_reason():
    plan = plan_stack(NOTHING_KNOWN, Config())
    assert plan.dragonfly.proactor_threads.value == 1
    assert "is unknown" in get_reason(plan, "dragonfly.proactor_threads")
    assert plan.trainer.budget_bytes.value is None
    assert plan.trainer.fits.value is None


@pytest.mark.parametrize(
    ("facts", "runtime", "why"),
    [
        pytest.param(
            {"docker": engine(cpus=16), "compose": PLUGIN}, "compose", "are available", id="both"
        ),
        pytest.param({"docker": engine(cpus=16)}, "local", "Compose", id="no Compose seen"),
        pytest.param(
            {"docker": no_engine("not-running")},
            "local",
            "no Docker daemon can be reached",
            id="no engine",
        ),
        pytest.param({}, "local", "could not be examined", id="engine unknown"),
    ],
)
def test_auto_chooses_compose_only_if_engine_and_compose_answer(facts, runtime, why):
    plan = plan_stack(bare_host(**facts), Config())
    assert plan.runtime.value == runtime
    assert why in get_reason(plan, "runtime")


def test_a_configured_runtime_is_kept():
    config = Config(stack=StackConfig(runtime="compose"))
    assert plan_stack(bare_host(docker=no_engine("not-running")), config).runtime.value == "compose"


SMALL_GPU = driver(gpu(memory_total=3768 * MIB, memory_free=3500 * MIB), toolkit=None)
LARGE_GPU = driver(gpu(memory_total=24 * GIB, memory_free=23 * GIB), toolkit=None)


@pytest.mark.parametrize(
    ("facts", "device", "profile"),
    [
        pytest.param({}, "cpu", "cpu", id="no GPU"),
        pytest.param(
            {"gpu": SMALL_GPU, "python": python(torch_cuda="13.0")}, "cuda", "low-memory", id="4 GB"
        ),
        pytest.param(
            {"gpu": LARGE_GPU, "python": python(torch_cuda="13.0")}, "cuda", "default", id="24 GB"
        ),
        pytest.param(
            {"gpu": LARGE_GPU, "python": python(torch_cuda=None)}, "cpu", "cpu", id="CPU torch"
        ),
        pytest.param(
            {"gpu": LARGE_GPU, "docker": engine(cpus=16), "compose": PLUGIN},
            "cpu",
            "cpu",
            id="containers cannot use it",
        ),
        pytest.param(
            {
                "gpu": LARGE_GPU,
                "docker": CDI_ENGINE,
                "compose": PLUGIN,
            },
            "cuda",
            "default",
            id="containers get it by CDI",
        ),
    ],
)
def test_device_and_profile_follow_the_gpu_that_the_runtime_can_use(facts, device, profile):
    plan = plan_stack(bare_host(**facts), Config()).trainer
    assert (plan.device.value, plan.profile.value) == (device, profile)


def test_the_seeds_run_fits_the_seeds_gpu_by_recomputing_each_step():
    facts = bare_host(gpu=SMALL_GPU, python=python(torch_cuda="13.0"))
    plan = plan_stack(facts, Config())
    assert plan.train.grid == 64
    assert plan.train.steps == 500
    assert plan.trainer.recompute.value == "step"
    assert plan.trainer.fits.value is True


def test_a_gpu_that_cannot_run_the_kernels_does_not_keep_their_weights():
    def predict(compute_capability: tuple[int, int]) -> int:
        card = driver(gpu(compute_capability=compute_capability), toolkit=None)
        facts = bare_host(gpu=card, python=python(torch_cuda="13.0"))
        train = TrainConfig(precision="fp32", segment=8)
        return plan_stack(facts, Config(train=train)).trainer.predicted_peak_bytes.value

    assert predict((7, 5)) < predict((8, 0)) - 171 * MIB


def test_a_run_that_cannot_fit_is_planned_and_marked():
    facts = bare_host(gpu=SMALL_GPU, python=python(torch_cuda="13.0"))
    config = Config(train=TrainConfig(grid=512, batch_size=64))
    assert plan_stack(facts, config).trainer.fits.value is False


def test_the_tapes_of_a_resumed_run_are_kept_if_they_fit():
    train = TrainConfig(profile="cpu", device="cpu").keep(segment=1, tapes=8)
    host = bare_host(memory=8 * GIB)

    kept = plan_stack(host, Config(train=train)).trainer
    small = plan_stack(host, Config(train=train.override(budget=1 * MIB))).trainer

    assert (kept.tapes.value, kept.tapes.because) == (8, "the run already has this value")
    assert kept.fits.value
    assert small.tapes.value == 0


def test_configured_values_override_the_profile():
    plan = plan_stack(bare_host(), Config(train=TrainConfig(profile="cpu", steps=7)))
    assert plan.train.steps == 7
    assert plan.train.grid == 16


HOSTS = Path(__file__).parents[1] / "hosts"


@pytest.mark.parametrize("name", ["gpu-workstation", "cpu-engine", "server-8-gpus", "all-unknown"])
def test_everything_planned_has_a_reason(name):
    plan = plan_stack(load(HOSTS / f"{name}.json"), Config())
    document = strip_reasons(plan)
    planned = {f"{part}.{name}" for part in ("dragonfly", "trainer") for name in document[part]}
    decisions = list_decisions(plan)
    assert decisions.keys() == {"runtime", "store_port"} | planned - {"dragonfly.image"}
    assert all(decision.because for decision in decisions.values())


def plan_with_gpus(*frees, visible=None, runtime: Runtime = "compose", **stack):
    shown = driver(*gpus_with_free(*frees), visible_devices=visible, toolkit=None)
    facts = bare_host(
        gpu=shown,
        docker=CDI_ENGINE,
        compose=PLUGIN,
        python=python(torch_cuda="13.0"),
    )
    return plan_stack(facts, Config(stack=StackConfig(runtime=runtime, **stack)))


@pytest.mark.parametrize(
    ("requested", "count", "budget"),
    [(1, 1, 20 * GIB), (2, 2, 10 * GIB), (3, 3, 10 * GIB), ("all", 3, 10 * GIB), (4, 4, 10 * GIB)],
)
def test_several_gpus_get_one_plan_that_fits_the_one_with_the_least_memory(
    requested, count, budget
):
    plan = plan_with_gpus(20 * GIB, 10 * GIB, 23 * GIB, gpus=requested)
    assert (plan.trainer.gpus.value, plan.trainer.budget_bytes.value) == (count, budget)


@pytest.mark.parametrize(
    ("visible", "budget"), [("2,0", 20 * GIB), ("GPU-2", 23 * GIB), ("1,7,0", 10 * GIB)]
)
def test_without_docker_the_visible_gpus_are_those_that_count(visible, budget):
    plan = plan_with_gpus(
        20 * GIB, 10 * GIB, 23 * GIB, visible=visible, runtime="local", gpus="all"
    )
    assert plan.trainer.budget_bytes.value == budget


@pytest.mark.parametrize("visible", ["", "-1"])
def test_hidden_gpus_are_not_used(visible):
    plan = plan_with_gpus(20 * GIB, visible=visible, runtime="local")
    assert plan.trainer.device.value == "cpu"
    why = f"CUDA_VISIBLE_DEVICES={visible} hides every GPU"
    assert get_reason(plan, "trainer.device") == why


@pytest.mark.parametrize(
    ("frees", "requested", "why"),
    [
        ((20, 10), 2, "2 requested, 2 found; each has at least 10 GiB free"),
        ((20, 10), "all", "all requested, 2 found; each has at least 10 GiB free"),
        (
            (20, 10),
            4,
            "4 requested, 2 found, too few (see qca explain QCA405); each has at least 10 GiB free",
        ),
        ((), 4, "4 requested, none found, too few (see qca explain QCA405)"),
        ((), "all", "all requested, none found"),
    ],
)
def test_requested_and_found_gpus_are_named(frees, requested, why):
    facts = bare_host(gpu=driver(*gpus_with_free(*(free * GIB for free in frees)), toolkit=None))
    config = Config(stack=StackConfig(gpus=requested), train=TrainConfig(device="cuda"))
    plan = plan_stack(facts, config)
    assert get_reason(plan, "trainer.gpus") == why


def test_an_unknown_number_of_gpus_is_not_too_few():
    config = Config(stack=StackConfig(gpus=4), train=TrainConfig(device="cuda"))
    assert get_reason(plan_stack(NOTHING_KNOWN, config), "trainer.gpus") == (
        "4 requested; the number of GPUs is unknown"
    )


def test_a_cpu_has_no_gpus_to_count():
    plan = plan_stack(bare_host(), Config(stack=StackConfig(gpus="all")))
    assert plan.trainer.gpus.value == 0


def test_memory_moved_to_the_host_must_fit_there():
    """20,000 states of 448 KiB each: 16 GiB of pinned memory."""
    config = Config(
        stack=StackConfig(runtime="local"), train=TrainConfig(steps=20000, recompute="host")
    )
    small, large = (
        plan_stack(
            bare_host(gpu=LARGE_GPU, python=python(torch_cuda="13.0"), memory=memory), config
        )
        for memory in (16 * GIB, 64 * GIB)
    )
    assert (small.trainer.fits.value, large.trainer.fits.value) == (False, True)
    assert "the host has only" in get_reason(small, "trainer.recompute")
    assert large.trainer.container_memory_bytes.value > 16 * GIB


def test_each_process_needs_its_own_host_memory():
    def get_limit(gpus: int) -> int:
        return plan_with_gpus(*[20 * GIB] * 4, gpus=gpus).trainer.container_memory_bytes.value

    each = 1.6 * GIB + 2 * 3 * 4 * 27_883_292  # torch with CUDA, and two copies of a checkpoint
    assert get_limit(1) >= each
    assert get_limit(4) >= 4 * each
    why = get_reason(plan_with_gpus(20 * GIB, 20 * GIB, gpus=2), "trainer.container_memory_bytes")
    assert why.endswith("for 2 processes and their launcher")


def test_memory_moved_to_the_host_must_fit_for_each_process():
    """20,000 states of 448 KiB each: 16 GiB of pinned memory for each GPU."""
    train = TrainConfig(steps=20000, recompute="host")

    def fits(requested: int) -> bool | None:
        facts = bare_host(
            gpu=driver(*gpus_with_free(*[20 * GIB] * 3), toolkit=None),
            python=python(torch_cuda="13.0"),
            memory=64 * GIB,
        )
        config = Config(stack=StackConfig(runtime="local", gpus=requested), train=train)
        return plan_stack(facts, config).trainer.fits.value

    assert (fits(1), fits(2), fits(3)) == (True, True, False)


@pytest.mark.parametrize(("stack", "nccl"), [({}, 0), ({"gpus": 2}, NCCL_CONTEXT)])
def test_gpus_that_train_together_leave_room_for_nccl(stack, nccl):
    plan = plan_with_gpus(20 * GIB, 20 * GIB, **stack)
    assert plan.trainer.context_bytes.value == CUDA_CONTEXT + nccl


DEFAULT_ON_CPU = Config(
    stack=StackConfig(runtime="compose"), train=TrainConfig(device="cpu", profile="default")
)


@pytest.mark.parametrize(("memory", "share"), [(8, 0.4), (24, 0.4), (256, 0.4)])
def test_optional_tapes_leave_most_of_the_hosts_memory_free(memory, share):
    plan = plan_stack(bare_host(memory=memory * GIB), DEFAULT_ON_CPU)
    needed = plan.trainer.predicted_peak_bytes.value + plan.trainer.context_bytes.value
    assert plan.trainer.fits.value
    assert needed < share * memory * GIB
    assert plan.trainer.container_memory_bytes.value < 0.5 * memory * GIB


@pytest.mark.parametrize(
    ("stack", "hint"),
    [
        (
            {"maxmemory": 900 * GIB},
            "The store takes 1.19 TiB of the host's memory",
        ),
        ({}, "qca estimate --solve"),
    ],
)
def test_a_store_that_leaves_no_memory_is_named_as_the_cause(stack, hint):
    train = DEFAULT_ON_CPU.train.override(recompute="none")
    config = Config(stack=DEFAULT_ON_CPU.stack.override(**stack), train=train)
    with pytest.raises(PlanError) as refused:
        require_fit(plan_stack(bare_host(memory=16 * GIB), config))
    assert hint in refused.value.hint


def test_a_given_budget_is_used_for_tapes():
    train = DEFAULT_ON_CPU.train.override(budget=20 * GIB)
    plan = plan_stack(bare_host(memory=24 * GIB), Config(train=train))
    assert plan.trainer.tapes.value > 300
    assert "as many steps as fit the budget" in get_reason(plan, "trainer.tapes")


def test_memory_that_training_requires_may_take_all_that_is_available():
    train = DEFAULT_ON_CPU.train.override(recompute="none")
    plan = plan_stack(bare_host(memory=28 * GIB), Config(DEFAULT_ON_CPU.stack, train))
    assert plan.trainer.fits.value
    assert plan.trainer.container_memory_bytes.value == 28 * GIB
    assert "1.25 times" in get_reason(plan, "trainer.container_memory_bytes")


def test_processes_on_a_cpu_share_the_hosts_memory():
    config = Config(stack=StackConfig(runtime="local"))
    facts = bare_host(memory=16 * GIB)
    plan = plan_stack(facts, config, cpu_processes=4)
    assert plan.trainer.budget_bytes.value == 4 * GIB
    assert get_reason(plan, "trainer.budget_bytes").endswith("shared by 4 processes")


def running(run: str, device: str, pending: int) -> RunningRun:
    return RunningRun(run=run, device=device, planned_bytes=3 * GIB, pending_bytes=pending)


ON_CPU = Config(stack=StackConfig(runtime="local"), train=TrainConfig(device="cpu"))
ON_GPU = Config(stack=StackConfig(runtime="local"), train=TrainConfig(device="cuda"))


@pytest.mark.parametrize(
    ("config", "device", "other"), [(ON_CPU, "cpu", "cuda"), (ON_GPU, "cuda", "cpu")]
)
def test_pending_memory_of_other_runs_is_reserved(config, device, other):
    facts = bare_host(memory=20 * GIB, gpu=driver(gpu(memory_total=24 * GIB, memory_free=20 * GIB)))
    alone = plan_stack(facts, config).trainer.budget_bytes
    runs = [running("a", device, 2 * GIB), running("b", device, GIB), running("c", other, GIB)]
    beside = plan_stack(facts, config, running=runs).trainer.budget_bytes
    assert alone.value is not None
    assert beside.value == alone.value - 3 * GIB
    assert beside.because == (
        f"{alone.because}; "
        "run a uses 3 GiB at its peak, of which 2 GiB is not allocated yet and is kept free; "
        "run b uses 3 GiB at its peak, of which 1 GiB is not allocated yet and is kept free"
    )


@pytest.mark.parametrize(
    ("gpus", "pending"),
    [
        pytest.param(("GPU-0",), 2 * GIB, id="the same GPU"),
        pytest.param(("GPU-1",), 0, id="another GPU"),
        pytest.param(None, 2 * GIB, id="an unknown GPU"),
    ],
)
def test_a_run_on_another_gpu_does_not_use_this_one(gpus, pending):
    facts = bare_host(gpu=driver(*gpus_with_free(20 * GIB, 20 * GIB)))
    runs = [replace(running("a", "cuda", 2 * GIB), gpus=gpus)]
    budget = plan_stack(facts, ON_GPU, running=runs).trainer.budget_bytes
    assert budget.value == 20 * GIB - pending


def test_the_gpu_with_the_least_remaining_memory_sets_the_budget():
    facts = bare_host(gpu=driver(*gpus_with_free(18 * GIB, 20 * GIB)))
    config = Config(stack=StackConfig(runtime="local", gpus=2), train=TrainConfig(device="cuda"))
    runs = [replace(running("a", "cuda", 5 * GIB), gpus=("GPU-1",))]
    assert plan_stack(facts, config, running=runs).trainer.budget_bytes.value == 15 * GIB


def test_a_run_on_a_gpu_also_takes_host_memory():
    taken = replace(
        running("a", "cuda", GIB), host_bytes=4 * GIB, host_pending_bytes=2 * GIB, gpus=("GPU-0",)
    )
    facts = bare_host(memory=16 * GIB)
    budget = plan_stack(facts, ON_CPU, running=[taken]).trainer.budget_bytes
    assert budget.value == 14 * GIB
    assert "run a uses 4 GiB at its peak, of which 2 GiB is not allocated yet" in budget.because


def test_memory_of_other_runs_is_reserved_once():
    runs = [running("a", "cpu", 4 * GIB)]
    facts = bare_host(memory=16 * GIB)
    budget = plan_stack(facts, ON_CPU, cpu_processes=4, running=runs).trainer.budget_bytes
    assert budget.value == 3 * GIB
    assert budget.because.endswith("kept free, shared by 4 processes")


def test_a_budget_with_other_runs_is_not_negative_and_may_be_unknown():
    runs = [running("a", "cpu", 99 * GIB)]
    assert plan_stack(bare_host(), ON_CPU, running=runs).trainer.budget_bytes.value == 0
    assert plan_stack(NOTHING_KNOWN, ON_CPU, running=runs).trainer.budget_bytes.value is None


def test_a_configured_budget_is_for_each_process():
    config = Config(stack=StackConfig(runtime="local"), train=TrainConfig(budget=GIB))
    plan = plan_stack(bare_host(), config, cpu_processes=4)
    assert plan.trainer.budget_bytes.value == GIB


def test_a_containers_budget_is_its_limit():
    plan = plan_stack(bare_host(), Config(stack=StackConfig(runtime="compose")))
    assert plan.trainer_limit_bytes == plan.trainer.container_memory_bytes.value == 512 * MIB
    assert "for the store" in plan.trainer.budget_bytes.because


def test_without_docker_the_trainers_budget_is_the_hosts_memory():
    plan = plan_stack(bare_host(), Config(stack=StackConfig(runtime="local")))
    budget = plan.trainer.budget_bytes
    assert plan.trainer_limit_bytes == budget.value
    assert budget.value is not None
    assert budget.value > GIB
    assert "store" not in budget.because


@pytest.mark.parametrize(
    ("free", "seconds", "train", "segment", "why"),
    [
        pytest.param(20 * GIB, None, {}, 8, "built-in step times", id="room"),
        pytest.param(20 * GIB, 0.01, {}, 8, "measured here", id="measured as faster"),
        pytest.param(20 * GIB, 0.3, {}, 1, "measured here", id="measured as slower"),
        pytest.param(
            1720 * MIB, None, {"recompute": "step"}, 1, "does not fit the budget", id="no room"
        ),
        pytest.param(20 * GIB, None, {"steps": 1}, 1, "of one step", id="one step"),
        pytest.param(None, None, {}, 1, "the budget is unknown", id="nothing is seen"),
        pytest.param(
            None, None, {"recompute": "two-level"}, 8, "the budget is unknown", id="given way"
        ),
    ],
)
def test_the_reason_of_a_segment_says_why_it_is_not_longer(free, seconds, train, segment, why):
    card = gpu(memory_total=24 * GIB, memory_free=free or 0)
    timings = [
        make_timing(device=card.name),
        *(make_timing(device=card.name, segment=k, seconds=seconds) for k in (2, 4, 8)),
    ]
    seen: dict[str, Any] = {"gpu": driver(card)} if free else {}
    facts = bare_host(
        **seen,
        python=python(step_timings=tuple(timings) if seconds else ()),
    )
    config = Config(
        stack=StackConfig(runtime="local"),
        train=TrainConfig(device="cuda", profile="default").override(**train),
    )
    plan = plan_stack(facts, config)
    assert plan.trainer.segment.value == segment
    assert why in get_reason(plan, "trainer.segment")
