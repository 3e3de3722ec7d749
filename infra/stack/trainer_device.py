"""Choose the training device, the number of GPUs, and the model's profile."""

from typing import Literal

from infra.host.container_gpu import assess_gpu_access, select_training_gpus
from infra.host.facts import Engine, Gpu, GpuDriver, HostFacts, Known, known_or_none
from infra.stack.decision import GIVEN, Decision, explain_setting
from qca.core.config import (
    HALF_PRECISIONS,
    HalfPrecision,
    ResolvedDevice,
    ResolvedProfile,
    TrainConfig,
)
from qca.core.units import GIB, format_size
from qca.memory.ways import list_precisions

GpuCount = int | Literal["all"]

# Below this, the profile is `low-memory`; a 4 GB card has less than 4 GiB.
LOW_MEMORY_GPU = 4 * GIB


def find_gpus(facts: HostFacts, runtime: str, requested: GpuCount) -> list[Gpu]:
    """Return the GPUs that training would get; none if none could be detected."""
    driver = known_or_none(facts.gpu)
    if not isinstance(driver, GpuDriver):
        return []
    return select_training_gpus(driver, runtime, requested)


def decide_device(
    facts: HostFacts, train: TrainConfig, runtime: str, gpu: Gpu | None
) -> Decision[ResolvedDevice]:
    """Choose the GPU if the runtime can use it, otherwise the CPU."""
    if train.device != "auto":
        return Decision(train.device, GIVEN)
    if gpu is None:
        return Decision("cpu", _explain_no_gpu(facts))
    if runtime == "compose":
        if _can_containers_use_gpu(facts):
            return Decision("cuda", f"{gpu.name}, which the engine can pass to a container")
        why = f"{gpu.name} was found, but containers cannot use it (see qca explain QCA401)"
        return Decision("cpu", why)
    python = known_or_none(facts.python)
    if python and python.torch_cuda:
        return Decision("cuda", f"{gpu.name}, and the installed torch is built for CUDA")
    why = f"{gpu.name} was found, but the installed torch cannot use it (see qca explain QCA501)"
    return Decision("cpu", why)


def _can_containers_use_gpu(facts: HostFacts) -> bool:
    """Return whether the engine can presumably pass an NVIDIA GPU to a container.

    If this cannot be determined, return whether the nvidia runtime is registered.
    """
    engine, driver = known_or_none(facts.docker), known_or_none(facts.gpu)
    if not isinstance(engine, Engine) or not isinstance(driver, GpuDriver):
        return False
    usable = assess_gpu_access(engine, driver).usable
    return "nvidia" in engine.runtimes if usable is None else usable


def _explain_no_gpu(facts: HostFacts) -> str:
    if not isinstance(facts.gpu, Known):
        return f"cannot determine whether there is a GPU: {facts.gpu.reason}"
    if isinstance(facts.gpu.value, GpuDriver):
        hidden = f"CUDA_VISIBLE_DEVICES={facts.gpu.value.visible_devices} hides every GPU"
        return hidden if facts.gpu.value.gpus else "the NVIDIA driver shows no GPU"
    return f"no usable NVIDIA GPU: {facts.gpu.value.detail}"


def decide_gpu_count(
    facts: HostFacts, requested: GpuCount, gpus: list[Gpu], device: ResolvedDevice
) -> Decision[int]:
    """Return the requested count, even if fewer GPUs were found, which QCA405 reports."""
    if device == "cpu":
        return Decision(0, "training runs on the CPU")
    count = max(1, len(gpus)) if requested == "all" else requested
    if not isinstance(facts.gpu, Known):
        return Decision(count, f"{requested} requested; the number of GPUs is unknown")
    because = f"{requested} requested, {len(gpus) or 'none'} found"
    if requested != "all" and len(gpus) < requested:
        because += ", too few (see qca explain QCA405)"
    if gpus:
        least = min(gpu.memory_free for gpu in gpus)
        has = "it has" if len(gpus) == 1 else "each has at least"
        because += f"; {has} {format_size(least)} free"
    return Decision(count, because)


def decide_profile(
    train: TrainConfig, device: ResolvedDevice, gpu: Gpu | None
) -> Decision[ResolvedProfile]:
    """Choose a small model for a CPU, and the profile `low-memory` for a small GPU."""
    if train.profile != "auto":
        return Decision(train.profile, explain_setting(train, "profile"))
    if device == "cpu":
        return Decision("cpu", "a small model on a CPU, so that a first run takes minutes")
    if gpu is None:
        return Decision("default", "the full model; the GPU's memory is unknown")
    if gpu.memory_total < LOW_MEMORY_GPU:
        because = f"the GPU has {format_size(gpu.memory_total)}, under 4 GiB"
        return Decision("low-memory", because)
    return Decision("default", f"the GPU has {format_size(gpu.memory_total)}; 4 GiB is enough")


def choose_half_precision(gpu: Gpu | None) -> HalfPrecision | None:
    """Return the 16-bit format that the GPU supports natively; None if it has none."""
    supported = list_precisions(gpu.compute_capability if gpu else None)
    return next((half for half in HALF_PRECISIONS if half in supported), None)
