"""On what the training runs, and whether it fits there."""

import math
from dataclasses import dataclass
from typing import Literal

from infra.host.container_gpu import fullest, gpu_access, gpus_of_the_training
from infra.host.facts.host import Engine, Gpu, GpuDriver, HostFacts, Known
from infra.stack.reason import Reason
from qca.core.config import (
    Config,
    ResolvedOptimizerState,
    ResolvedPrecision,
    ResolvedRecompute,
    TrainConfig,
    apply_profile,
)
from qca.core.units import GIB, MIB, format_size
from qca.memory.budget import parameter_count
from qca.memory.choose import Choice, choose

# Python with wheels of our own choice of torch; a tenth of a CUDA image's size.
CPU_BASE_IMAGE = "python:3.13-slim"
# Without it pip takes torch from PyPI, which on Linux means a CUDA build of gigabytes.
CPU_TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
# The tag that PyTorch publishes for the torch release in pyproject.toml.
CUDA_BASE_IMAGE = "pytorch/pytorch:2.13.0-cuda13.0-cudnn9-runtime"

# Under this the profile `low-memory` is taken: a 4 GB card shows less than 4 GiB.
LOW_MEMORY_GPU = 4 * GIB

# Over what was measured or predicted: the page cache of a checkpoint that is being written
# counts too, and a container over its limit is killed.
CONTAINER_HEADROOM = 1.25
# Peak resident memory of a CUDA training, whatever its size: 1.45 to 1.58 GiB on an H100
# with torch 2.11 (VmHWM); the CUDA libraries and their kernels, loaded as they are needed.
CUDA_RESIDENT = 1.6 * GIB
# The launcher that starts a process for each of several GPUs: 540 MiB, measured as the above.
LAUNCHER_RESIDENT = 0.55 * GIB


@dataclass(frozen=True)
class TrainerPlan:
    """How the training is run, and the memory that it is predicted to take."""

    profile: Literal["cpu", "default", "low-memory"]
    device: Literal["cpu", "cuda"]
    gpus: int
    """GPUs of this machine, with a process each; 0 on a CPU."""
    nnodes: int
    """Machines that train together."""
    rdzv_endpoint: str | None
    """HOST:PORT where they meet."""
    precision: ResolvedPrecision
    recompute: ResolvedRecompute
    optimizer_state: ResolvedOptimizerState
    batch_size: int
    predicted_peak_bytes: int
    context_bytes: int
    """Memory outside the allocator: the CUDA context, with NCCL where several train together; or
    the interpreter with torch."""
    budget_bytes: int | None
    """What the device has to give; None where it could not be seen."""
    fits: bool | None
    base_image: str
    container_memory_bytes: int


def plan_trainer(
    facts: HostFacts, config: Config, *, runtime: str, store_bytes: int
) -> tuple[TrainerPlan, TrainConfig, tuple[Reason, ...]]:
    """Choose device, profile and recompute plan; return the resolved training as well.

    `store_bytes` is what the store takes of the host's memory.
    """
    gpus = _gpus(facts, runtime, config.stack.gpus)
    gpu = fullest(gpus)
    device, why_device = _device(facts, config.train, runtime, gpu)
    processes = _gpu_count(config.stack.gpus, gpus) if device == "cuda" else 1
    profile, why_profile = _profile(config.train, device, gpu)
    train = apply_profile(config.train, profile)
    budget, why_budget = _budget(facts, train, device, gpu, store_bytes)
    choice = choose(
        train,
        budget,
        device=device,
        half=_half(gpu) if device == "cuda" else None,
        host_budget=_host_budget(facts, train, store_bytes, processes),
        together=processes > 1 or config.stack.nnodes > 1,
    )
    train = choice.train.override(device=device)
    plan = TrainerPlan(
        profile=profile,
        device=device,
        gpus=processes if device == "cuda" else 0,
        nnodes=config.stack.nnodes,
        rdzv_endpoint=config.stack.rdzv_endpoint,
        precision=choice.precision,
        recompute=choice.recompute,
        optimizer_state=choice.optimizer_state,
        batch_size=train.batch_size,
        predicted_peak_bytes=choice.estimate.predicted_peak_bytes,
        context_bytes=choice.estimate.context_bytes,
        budget_bytes=budget,
        fits=choice.fits,
        base_image=config.stack.base_image
        or (CUDA_BASE_IMAGE if device == "cuda" else CPU_BASE_IMAGE),
        container_memory_bytes=_container_memory(device, choice, processes),
    )
    return (
        plan,
        train,
        (
            Reason("trainer.device", why_device),
            *_why_gpus(facts, config.stack.gpus, gpus, device),
            Reason("trainer.profile", why_profile),
            Reason("trainer.budget_bytes", why_budget),
            Reason("trainer.recompute", choice.because),
            Reason("trainer.container_memory_bytes", _why_container_memory(device, processes)),
        ),
    )


def build_args(trainer: TrainerPlan) -> dict[str, str]:
    """Return the build arguments of Dockerfile.cuda for this plan."""
    arguments = {"BASE_IMAGE": trainer.base_image}
    if trainer.base_image == CPU_BASE_IMAGE:
        arguments["TORCH_INDEX"] = CPU_TORCH_INDEX
    return arguments


def _gpus(facts: HostFacts, runtime: str, wanted: int | Literal["all"]) -> list[Gpu]:
    if not isinstance(facts.gpu, Known) or not isinstance(facts.gpu.value, GpuDriver):
        return []
    return gpus_of_the_training(facts.gpu.value, runtime, wanted)


def _gpu_count(wanted: int | Literal["all"], seen: list[Gpu]) -> int:
    """Return what was asked for, also where fewer were seen: that is QCA405's to judge."""
    return max(1, len(seen)) if wanted == "all" else wanted


def _why_gpus(
    facts: HostFacts, wanted: int | Literal["all"], seen: list[Gpu], device: str
) -> tuple[Reason, ...]:
    if device == "cpu" or wanted == 1:
        return ()
    if not isinstance(facts.gpu, Known):
        why = f"{wanted} asked for; how many there are could not be seen"
        return (Reason("trainer.gpus", why),)
    why = f"{wanted} asked for, {len(seen) or 'none'} seen"
    if wanted != "all" and len(seen) < wanted:
        why += ", too few: qca explain QCA405"
    if seen:
        least = min(gpu.memory_free for gpu in seen)
        why += f"; the fullest of them has {format_size(least)} free"
    return (Reason("trainer.gpus", why),)


def containers_get_gpu(facts: HostFacts) -> bool:
    """Whether to count on the engine handing an NVIDIA GPU to a container.

    Where it cannot be told from here, a registered nvidia runtime is sign enough to try.
    """
    docker, gpu = facts.docker, facts.gpu
    if not isinstance(docker, Known) or not isinstance(docker.value, Engine):
        return False
    if not isinstance(gpu, Known) or not isinstance(gpu.value, GpuDriver):
        return False
    usable = gpu_access(docker.value, gpu.value).usable
    return "nvidia" in docker.value.runtimes if usable is None else usable


def _device(
    facts: HostFacts, train: TrainConfig, runtime: str, gpu: Gpu | None
) -> tuple[Literal["cpu", "cuda"], str]:
    if train.device != "auto":
        return train.device, "given in the configuration"
    if gpu is None:
        return "cpu", _why_no_gpu(facts)
    if runtime == "compose":
        if containers_get_gpu(facts):
            return "cuda", f"{gpu.name}, which the engine can hand to a container"
        return "cpu", f"{gpu.name} is there, but containers cannot use it: qca explain QCA401"
    if isinstance(facts.python, Known) and facts.python.value.torch_cuda:
        return "cuda", f"{gpu.name}, and the installed torch is built for CUDA"
    return "cpu", f"{gpu.name} is there, but the installed torch cannot use it: qca explain QCA501"


def _why_no_gpu(facts: HostFacts) -> str:
    if not isinstance(facts.gpu, Known):
        return f"no GPU could be seen: {facts.gpu.reason}"
    if isinstance(facts.gpu.value, GpuDriver):
        hidden = f"CUDA_VISIBLE_DEVICES={facts.gpu.value.visible_devices} hides every GPU"
        return hidden if facts.gpu.value.gpus else "the NVIDIA driver shows no GPU"
    return f"no usable NVIDIA GPU: {facts.gpu.value.detail}"


def _profile(
    train: TrainConfig, device: str, gpu: Gpu | None
) -> tuple[Literal["cpu", "default", "low-memory"], str]:
    if train.profile != "auto":
        return train.profile, "given in the configuration"
    if device == "cpu":
        return "cpu", "no GPU: a small model, so that a first run ends in minutes"
    if gpu is None:
        return "default", "the whole model; the GPU's memory could not be seen"
    if gpu.memory_total < LOW_MEMORY_GPU:
        return "low-memory", f"the GPU has {format_size(gpu.memory_total)}, under 4 GiB"
    return "default", f"the GPU has {format_size(gpu.memory_total)}, 4 GiB or more"


def _budget(
    facts: HostFacts, train: TrainConfig, device: str, gpu: Gpu | None, store_bytes: int
) -> tuple[int | None, str]:
    if train.budget is not None:
        return train.budget, "given in the configuration"
    if device == "cuda":
        if gpu is None:
            return None, "the GPU's free memory could not be seen"
        if gpu.mig and gpu.mig_devices:
            least = min(one.memory_free for one in gpu.mig_devices)
            return least, f"what the fullest slice of {gpu.name} has free: a program gets one slice"
        return gpu.memory_free, f"what {gpu.name} has free of {format_size(gpu.memory_total)}"
    if not isinstance(facts.memory, Known):
        return None, "the host's memory could not be seen"
    memory = facts.memory.value
    free = max(0, min(memory.available, memory.usable) - store_bytes)
    return free, f"the host's available memory less {format_size(store_bytes)} for the store"


def _half(gpu: Gpu | None) -> Literal["bf16", "fp16"] | None:
    """Return the 16-bit format that the GPU computes in by itself."""
    capability = gpu.compute_capability if gpu else None
    if capability is None:
        return None
    # bfloat16 came with Ampere, 8.0; float16 arithmetic with 5.3 (CUDA C Programming Guide,
    # "Arithmetic Instructions").
    if capability >= (8, 0):
        return "bf16"
    return "fp16" if capability >= (5, 3) else None


def _container_memory(device: str, choice: Choice, processes: int) -> int:
    estimate = choice.estimate
    needed = estimate.predicted_peak_bytes + estimate.context_bytes
    if device == "cuda":
        each = _beside_a_gpu(estimate.parameters) + choice.host_bytes
        needed = processes * each + _launcher(processes)
    return math.ceil(needed * CONTAINER_HEADROOM / (256 * MIB)) * 256 * MIB


def _host_budget(
    facts: HostFacts, train: TrainConfig, store_bytes: int, processes: int
) -> int | None:
    """Return what each GPU's training may keep in the host's memory; None where none was seen."""
    if not isinstance(facts.memory, Known):
        return None
    beside = _beside_a_gpu(parameter_count(train.d_state, train.hidden_channels))
    free = min(facts.memory.value.available, facts.memory.value.usable) - store_bytes
    each = (free / CONTAINER_HEADROOM - _launcher(processes)) / processes
    return max(0, int(each - beside))


def _launcher(processes: int) -> int:
    return int(LAUNCHER_RESIDENT) if processes > 1 else 0


def _beside_a_gpu(parameters: int) -> int:
    """Return what the trainer takes of the host's memory while it computes on a GPU."""
    checkpoint = 3 * 4 * parameters  # the weights and their two moments, float32
    return int(CUDA_RESIDENT) + 2 * checkpoint  # its tensors on the host, and their bytes


def _why_container_memory(device: str, processes: int) -> str:
    if device == "cuda":
        what = (
            "the model lives on the GPU: what torch with CUDA's libraries takes of the host, "
            "what the plan keeps there"
        )
        why = f"{what}, and a checkpoint twice while it is written, {CONTAINER_HEADROOM} times"
        return f"{why}; for {processes} processes and their launcher" if processes > 1 else why
    return f"{CONTAINER_HEADROOM} times the predicted peak with the interpreter, in 256 MiB steps"
