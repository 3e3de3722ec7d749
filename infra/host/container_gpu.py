"""Whether an engine can hand an NVIDIA GPU to a container that asks for the driver `nvidia`.

dockerd looks for `nvidia-container-runtime-hook` on its own PATH. From Engine 29.2 on it
also turns the request into CDI devices, if it has found any; before, CDI files serve only
those who ask for the driver `cdi`, whatever is in them. A registered nvidia runtime is
neither required nor enough. https://github.com/moby/moby/pull/50228
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

from infra.host.facts import Engine, Gpu, GpuDriver
from infra.host.snap import is_from_snap
from qca.core.versions import parse_version

CDI_FOR_NVIDIA = (29, 2)
_HOOK = "nvidia-container-runtime-hook"


@dataclass(frozen=True)
class GpuAccess:
    """What an engine can do with the GPUs of this host, and how that is known."""

    usable: bool | None
    """None where it cannot be determined from here."""
    because: str


def assess_gpu_access(engine: Engine, gpu: GpuDriver) -> GpuAccess:
    """Return whether containers of `engine` can use the GPUs that `gpu` shows."""
    if is_from_snap(engine):
        return _assess_snap(engine, gpu)
    if list_cdi_devices(engine) and parse_version(engine.version) >= CDI_FOR_NVIDIA:
        return GpuAccess(True, "the engine has found CDI devices")
    has_runtime = "nvidia" in engine.runtimes
    if is_elsewhere(engine):
        if has_runtime:
            return GpuAccess(True, f"the engine at {engine.host} has the nvidia runtime")
        where = f"the engine at {engine.host} runs on another machine, if a virtual one"
        return GpuAccess(None, where)
    if gpu.toolkit and gpu.toolkit.endswith(_HOOK):
        return GpuAccess(True, f"dockerd finds {gpu.toolkit}")
    if has_runtime:
        return GpuAccess(
            None,
            "the nvidia runtime is registered, but the toolkit's hook, which the engine needs, "
            "is not on this user's PATH; it may be on the daemon's",
        )
    return GpuAccess(False, _explain_missing_toolkit(engine, gpu))


def _assess_snap(engine: Engine, gpu: GpuDriver) -> GpuAccess:
    """The snap brings a toolkit of its own, sets it up where it finds a driver, and sees no other.

    https://github.com/canonical/docker-snap#nvidia-support and its issue 357
    """
    if "nvidia" not in engine.runtimes:
        return GpuAccess(False, "the Docker snap has not set up its NVIDIA toolkit")
    if gpu.toolkit and parse_version(engine.version) >= CDI_FOR_NVIDIA:
        return GpuAccess(False, f"the Docker snap's toolkit clashes with this host's {gpu.toolkit}")
    return GpuAccess(None, "the Docker snap has a toolkit of its own, which cannot be seen here")


def _explain_missing_toolkit(engine: Engine, gpu: GpuDriver) -> str:
    missing = (
        f"{gpu.toolkit} is installed, but not the toolkit's hook"
        if gpu.toolkit
        else "the NVIDIA Container Toolkit is not installed"
    )
    if list_cdi_devices(engine):
        return f"{missing}, and Engine {engine.version} (before 29.2) takes no CDI devices for it"
    if parse_version(engine.version) >= CDI_FOR_NVIDIA:
        return f"{missing}, and the engine has found no CDI device"
    return missing


def select_training_gpus(driver: GpuDriver, runtime: str, count: int | Literal["all"]) -> list[Gpu]:
    """Return the GPUs that a training gets that asks for `count`; fewer, if there are fewer.

    A container that asks for `count: N` is given the first N (moby, daemon/nvidia_linux.go); a
    process, those that CUDA_VISIBLE_DEVICES names, all of them where it is not set, none where it
    is empty. https://docs.nvidia.com/cuda/cuda-c-programming-guide/#cuda-environment-variables
    """
    if runtime == "local" and driver.visible_devices is not None:
        gpus = _select_visible_gpus(driver, driver.visible_devices)
    else:
        gpus = sorted(driver.gpus, key=lambda gpu: gpu.index)
    return gpus if count == "all" else gpus[:count]


def _select_visible_gpus(driver: GpuDriver, visible_devices: str) -> list[Gpu]:
    """Return the GPUs that CUDA shows for this value of CUDA_VISIBLE_DEVICES.

    Those before the first name that it does not know; none if one of these is named twice
    (torch.cuda's _parse_visible_devices counts in the same way).
    """
    names = [name.strip() for name in visible_devices.split(",")]
    known_names = list(takewhile(lambda name: _find_gpu(driver, name), names))
    if len(set(known_names)) < len(known_names):
        return []
    return [gpu for name in known_names if (gpu := _find_gpu(driver, name))]


def find_fullest_gpu(gpus: Iterable[Gpu]) -> Gpu | None:
    """Return the GPU with the least free memory, which limits a training on all of them."""
    return min(gpus, key=lambda gpu: gpu.memory_free, default=None)


def _find_gpu(driver: GpuDriver, name: str) -> Gpu | None:
    """Return the GPU that CUDA means by a name: an index, a UUID, or a unique prefix of one."""
    for gpu in driver.gpus:
        if name == str(gpu.index) or name in (device.uuid for device in gpu.mig_devices):
            return gpu
    matches = [gpu for gpu in driver.gpus if name and gpu.uuid.startswith(name)]
    return matches[0] if len(matches) == 1 else None


def list_cdi_devices(engine: Engine) -> list[str]:
    """Return the NVIDIA devices that the engine has discovered."""
    return [device for device in engine.cdi_devices if device.startswith("nvidia.com/gpu")]


def is_elsewhere(engine: Engine) -> bool:
    """Whether the engine runs on another machine, Docker Desktop's virtual one included."""
    return not engine.host.startswith("unix://") or "Docker Desktop" in engine.operating_system
