"""Plan training: its device, sizes and recompute strategy, and whether it fits."""

from collections.abc import Sequence
from dataclasses import asdict, field, replace
from typing import NamedTuple

from infra.host.container_gpu import find_fullest_gpu
from infra.host.facts import Gpu, HostFacts, known_or_none
from infra.stack.base_image import decide_base_image
from infra.stack.decision import GIVEN, NOT_SHOWN, Decision, explain_setting
from infra.stack.trainer_device import (
    choose_half_precision,
    decide_device,
    decide_gpu_count,
    decide_profile,
    find_gpus,
)
from infra.stack.trainer_memory import (
    RunningRun,
    choose_tape_share,
    compute_host_budget,
    decide_budget,
    decide_container_limit,
)
from qca.core.config import (
    Config,
    ResolvedDevice,
    ResolvedOptimizerState,
    ResolvedPrecision,
    ResolvedProfile,
    ResolvedRecompute,
    StackConfig,
    TrainConfig,
    apply_profile,
)
from qca.core.frozen import frozen_dataclass
from qca.core.gpu_kernels import can_run_kernels
from qca.core.step_timing import StepTiming
from qca.core.units import format_size
from qca.memory.candidates import LEAST_SAVING
from qca.memory.checkpoint_size import count_moment_bytes
from qca.memory.choose import Choice, choose
from qca.memory.machine import Machine


@frozen_dataclass
class TrainerPlan:
    """The training settings and the predicted memory."""

    device: Decision[ResolvedDevice]
    gpus: Decision[int]
    """The number of GPUs to use on this machine, each with its own process; 0 on a CPU."""
    nnodes: Decision[int]
    """The number of machines that train together."""
    rdzv_endpoint: Decision[str | None]
    """HOST:PORT of their rendezvous."""
    profile: Decision[ResolvedProfile]
    precision: Decision[ResolvedPrecision]
    recompute: Decision[ResolvedRecompute]
    segment: Decision[int]
    """The number of steps that are differentiated as one segment."""
    tapes: Decision[int]
    """The number of steps, counted from the end, that are not recomputed."""
    optimizer_state: Decision[ResolvedOptimizerState]
    batch_size: Decision[int]
    """The samples per episode in each process."""
    predicted_peak_bytes: Decision[int]
    context_bytes: Decision[int]
    """The memory outside the allocator: on CUDA the context, with NCCL if there are several
    processes; on a CPU the interpreter with torch."""
    budget_bytes: Decision[int | None]
    """The device memory available to each process; None if it is unknown."""
    fits: Decision[bool | None]
    base_image: Decision[str]
    container_memory_bytes: Decision[int]
    host_gpus: tuple[Gpu, ...] = field(metadata=NOT_SHOWN)
    """The GPUs of this host that training gets if it runs on GPUs."""
    machine: Machine = field(metadata=NOT_SHOWN)
    """The machine for which the recompute strategy was chosen."""

    @property
    def needed_bytes(self) -> int:
        """The predicted peak plus the context."""
        return self.predicted_peak_bytes.value + self.context_bytes.value

    @property
    def is_distributed(self) -> bool:
        """Whether several processes train one model."""
        return _is_distributed(self.gpus.value, self.nnodes.value)

    @property
    def fullest_gpu(self) -> Gpu | None:
        """The one of `host_gpus` with the least free memory."""
        return find_fullest_gpu(self.host_gpus)


def _is_distributed(processes: int, nnodes: int) -> bool:
    return processes > 1 or nnodes > 1


def plan_trainer(
    facts: HostFacts,
    config: Config,
    *,
    runtime: str,
    store_bytes: int,
    cpu_processes: int,
    running: Sequence[RunningRun] = (),
) -> tuple[TrainerPlan, TrainConfig]:
    """Choose the device, profile and recompute strategy; also return the resolved configuration.

    `store_bytes` is the store's host memory. Each GPU has one process; a CPU has `cpu_processes`.
    `running` are the other runs that are training.
    """
    hardware = _decide_hardware(facts, config, runtime)
    device, processes = hardware.device, hardware.gpu_count.value or cpu_processes
    profile = decide_profile(config.train, device.value, hardware.fullest_gpu)
    train = apply_profile(config.train, profile.value)
    budget = decide_budget(
        facts,
        train,
        device.value,
        hardware.gpus,
        store_bytes=store_bytes,
        processes=processes,
        running=running,
    )
    machine = replace(
        _describe_machine(facts, hardware),
        host_budget=compute_host_budget(
            facts, train, store_bytes=store_bytes, processes=processes, running=running
        ),
        tape_share=choose_tape_share(train, device.value),
        together=_is_distributed(processes, config.stack.nnodes),
    )
    train, choice = _choose(train, budget.value, machine)
    plan = TrainerPlan(
        device=device,
        gpus=hardware.gpu_count,
        nnodes=_decide_nnodes(config.stack),
        rdzv_endpoint=_decide_rdzv_endpoint(config.stack),
        profile=profile,
        precision=_decide_precision(train, choice, device.value),
        recompute=Decision(choice.recompute, choice.because),
        segment=_decide_segment(train, choice, device.value),
        tapes=_decide_tapes(train, choice, machine),
        optimizer_state=_decide_optimizer_state(train, choice, device.value),
        batch_size=_decide_batch_size(config.train, train),
        predicted_peak_bytes=_predict_peak(choice),
        context_bytes=_predict_context(choice, machine),
        budget_bytes=budget,
        fits=_decide_fits(choice),
        base_image=decide_base_image(config.stack.base_image, device.value),
        container_memory_bytes=decide_container_limit(facts, device.value, choice, processes),
        host_gpus=hardware.gpus,
        machine=machine,
    )
    return plan, choice.train.override(device=device.value)


def _choose(train: TrainConfig, budget: int | None, machine: Machine) -> tuple[TrainConfig, Choice]:
    """Return the choice for `train`; without the segment and tapes that it keeps if they don't fit.

    Also return the configuration for which the choice was made.
    """
    choice = choose(train, budget, machine)
    kept = train.kept & {"segment", "tapes"}
    if choice.fits is not False or not kept:
        return train, choice
    free = train.override(**dict.fromkeys(kept, "auto"))
    return free, choose(free, budget, machine)


class _Hardware(NamedTuple):
    """The device to train on, and what is known about it."""

    device: Decision[ResolvedDevice]
    gpus: tuple[Gpu, ...]
    fullest_gpu: Gpu | None
    gpu_count: Decision[int]
    resident_floor: int | None


def _decide_hardware(facts: HostFacts, config: Config, runtime: str) -> _Hardware:
    gpus = find_gpus(facts, runtime, config.stack.gpus)
    fullest = find_fullest_gpu(gpus)
    device = decide_device(facts, config.train, runtime, fullest)
    count = decide_gpu_count(facts, config.stack.gpus, gpus, device.value)
    return _Hardware(device, tuple(gpus), fullest, count, _find_resident_floor(facts, runtime))


def _describe_machine(facts: HostFacts, hardware: _Hardware) -> Machine:
    gpu = hardware.fullest_gpu
    if hardware.device.value == "cpu":
        timings = _select_timings(facts, "cpu")
        floor = hardware.resident_floor
        return Machine("cpu", fused=False, resident_floor=floor, timings=timings)
    return Machine(
        "cuda",
        fused=can_run_kernels(gpu.compute_capability if gpu else None),
        half=choose_half_precision(gpu),
        timings=_select_timings(facts, gpu.name if gpu else None),
    )


def _decide_nnodes(stack: StackConfig) -> Decision[int]:
    because = GIVEN if "nnodes" in stack.given else "one machine, unless `stack.nnodes` is set"
    return Decision(stack.nnodes, because)


def _decide_rdzv_endpoint(stack: StackConfig) -> Decision[str | None]:
    if stack.rdzv_endpoint is not None:
        return Decision(stack.rdzv_endpoint, GIVEN)
    return Decision(None, "a single machine needs no rendezvous")


def _decide_precision(
    train: TrainConfig, choice: Choice, device: ResolvedDevice
) -> Decision[ResolvedPrecision]:
    if train.precision != "auto":
        because = explain_setting(train, "precision")
    elif choice.precision != "fp32":
        because = "the GPU supports it natively, and no float32 plan fits the budget"
    elif device == "cpu":
        because = "`auto` means float32 on a CPU"
    else:
        because = "`auto` means float32, unless only a 16-bit format fits the budget"
    return Decision(choice.precision, because)


def _decide_segment(train: TrainConfig, choice: Choice, device: ResolvedDevice) -> Decision[int]:
    if train.segment != "auto":
        because = explain_setting(train, "segment")
    elif device == "cpu":
        because = "a single step's kernels keep a CPU busy"
    elif train.steps == 1:
        because = "an episode of one step cannot have a longer segment"
    elif choice.fits is None and choice.segment > 1:
        because = "the fastest; the budget is unknown"
    elif choice.fits is None:
        because = "a longer segment needs more memory, and the budget is unknown"
    elif choice.segment == 1 and not choice.is_measured:
        because = "a longer segment would be faster, but does not fit the budget"
    elif choice.is_measured:
        because = "the fastest that fits, by the step times measured here"
    else:
        because = "the fastest that fits, according to the built-in step times of an H200"
    return Decision(choice.segment, because)


def _decide_tapes(train: TrainConfig, choice: Choice, machine: Machine) -> Decision[int]:
    limit, within = "the budget", ""
    if machine.tape_share < 1:
        limit = f"in {machine.tape_share:.0%} of the remaining memory"
        within = f" {limit}"
    if choice.recompute == "none":
        because = "`recompute` is `none`: no step is recomputed"
    elif train.tapes != "auto":
        because = explain_setting(train, "tapes")
    elif choice.tapes == train.steps:
        because = "the tapes of all steps fit, so none is recomputed"
    elif choice.tapes:
        because = (
            f"activations are kept for as many steps as fit {limit}; the other steps are "
            "recomputed from their states"
        )
    elif choice.fits is None:
        because = "tapes need memory, and the budget is unknown"
    else:
        because = (
            f"keeping the activations of as many steps as fit{within} would save less than "
            f"{LEAST_SAVING:.0%} of an episode's time"
        )
    return Decision(choice.tapes, because)


def _decide_optimizer_state(
    train: TrainConfig, choice: Choice, device: ResolvedDevice
) -> Decision[ResolvedOptimizerState]:
    moments = f"AdamW's moments, {format_size(count_moment_bytes(choice.estimate.parameters))},"
    if train.optimizer_state != "auto":
        because = GIVEN
    elif device == "cpu":
        because = "a CPU has no other memory for AdamW's moments"
    elif choice.optimizer_state == "host":
        because = (
            f"{moments} are in host memory: with them on the GPU, no {choice.precision} plan fits"
        )
    elif choice.fits:
        because = f"{moments} fit on the GPU with everything else"
    else:
        because = f"{moments} stay on the GPU, where the optimizer is fastest"
    return Decision(choice.optimizer_state, because)


def _decide_batch_size(configured: TrainConfig, train: TrainConfig) -> Decision[int]:
    if "batch_size" in configured.given:
        return Decision(train.batch_size, explain_setting(configured, "batch_size"))
    source = f"profile {train.profile}" if "batch_size" in train.given else "the default"
    return Decision(train.batch_size, f"{source}; a plan never changes the batch")


def _predict_peak(choice: Choice) -> Decision[int]:
    terms = asdict(choice.estimate.breakdown).items()
    parts = [f"{name} {format_size(size)}" for name, size in terms if size]
    return Decision(choice.estimate.predicted_peak_bytes, f"the sum of {', '.join(parts)}")


def _select_timings(facts: HostFacts, device: str | None) -> tuple[StepTiming, ...]:
    """Return the step times measured on this device."""
    python = known_or_none(facts.python)
    timings = python.step_timings if python else ()
    return tuple(timing for timing in timings if timing.device == device)


def _find_resident_floor(facts: HostFacts, runtime: str) -> int | None:
    """Return this Python's measured memory floor; None for containers, where it is not measured."""
    python = known_or_none(facts.python)
    return python.resident_floor if python and runtime == "local" else None


def _predict_context(choice: Choice, machine: Machine) -> Decision[int]:
    if machine.device == "cpu":
        context = choice.estimate.context
        source = "as measured here" if context.measured else "the figure for a CPU wheel"
        because = (
            f"Python with torch needs {format_size(context.runtime)} ({source}), and torch's CPU "
            f"kernels need {format_size(context.kernels)} in addition to the tensors"
        )
    else:
        because = "the CUDA context with its kernels and graphs, measured on an H100"
        because += ", and NCCL's buffers" if machine.together else ""
    return Decision(choice.estimate.context_bytes, because)


def _decide_fits(choice: Choice) -> Decision[bool | None]:
    if choice.fits and choice.budget_bytes is not None:
        total, budget = choice.estimate.total_bytes, choice.budget_bytes
        because = f"peak and context need {format_size(total)} of {format_size(budget)}"
        return Decision(True, because)
    return Decision(choice.fits, choice.because)
