"""Whether an engine can hand an NVIDIA GPU to a container that asks for the driver `nvidia`.

dockerd looks for `nvidia-container-runtime-hook` on its own PATH. From Engine 29.2 on it
also turns the request into CDI devices, if it has found any; before, CDI files serve only
those who ask for the driver `cdi`, whatever is in them. A registered nvidia runtime is
neither required nor enough. https://github.com/moby/moby/pull/50228
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

from infra.host.facts import Engine, Gpu, GpuDriver
from infra.host.snap import is_from_snap

CDI_FOR_NVIDIA = (29, 2)
_HOOK = "nvidia-container-runtime-hook"


@dataclass(frozen=True)
class GpuAccess:
    """What an engine can do with the GPUs of this host, and how that is known."""

    usable: bool | None
    """None where it cannot be told from here."""
    because: str


def gpu_access(engine: Engine, gpu: GpuDriver) -> GpuAccess:
    """Return whether containers of `engine` can use the GPUs that `gpu` shows."""
    if is_from_snap(engine):
        return _in_the_snap(engine, gpu)
    if cdi_devices(engine) and version_of(engine) >= CDI_FOR_NVIDIA:
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
    return GpuAccess(False, _what_is_missing(engine, gpu))


def _in_the_snap(engine: Engine, gpu: GpuDriver) -> GpuAccess:
    """The snap brings a toolkit of its own, sets it up where it finds a driver, and sees no other.

    https://github.com/canonical/docker-snap#nvidia-support and its issue 357
    """
    if "nvidia" not in engine.runtimes:
        return GpuAccess(False, "the Docker snap has not set up its NVIDIA toolkit")
    if gpu.toolkit and version_of(engine) >= CDI_FOR_NVIDIA:
        return GpuAccess(False, f"the Docker snap's toolkit clashes with this host's {gpu.toolkit}")
    return GpuAccess(None, "the Docker snap has a toolkit of its own, which cannot be seen here")


def _what_is_missing(engine: Engine, gpu: GpuDriver) -> str:
    lacks = (
        f"{gpu.toolkit} is installed, but not the toolkit's hook"
        if gpu.toolkit
        else "the NVIDIA Container Toolkit is not installed"
    )
    if cdi_devices(engine):
        return f"{lacks}, and Engine {engine.version} (before 29.2) takes no CDI devices for it"
    if version_of(engine) >= CDI_FOR_NVIDIA:
        return f"{lacks}, and the engine has found no CDI device"
    return lacks


def gpus_of_the_training(
    driver: GpuDriver, runtime: str, wanted: int | Literal["all"]
) -> list[Gpu]:
    """Return the GPUs that a training gets which asks for so many; fewer, if there are fewer.

    A container that asks for `count: N` is given the first N (moby, daemon/nvidia_linux.go); a
    process, those that CUDA_VISIBLE_DEVICES names, all of them where it is not set, none where it
    is empty. https://docs.nvidia.com/cuda/cuda-c-programming-guide/#cuda-environment-variables
    """
    found = sorted(driver.gpus, key=lambda gpu: gpu.index)
    if runtime == "local" and driver.visible_devices is not None:
        names = [name.strip() for name in driver.visible_devices.split(",")]
        # CUDA sees those before the first name that it does not know; none, if one of these
        # stands there twice (so torch.cuda's _parse_visible_devices counts, too).
        known = list(takewhile(lambda name: _named(driver, name), names))
        found = [gpu for name in dict.fromkeys(known) if (gpu := _named(driver, name))]
        found = found if len(found) == len(known) else []
    return found if wanted == "all" else found[:wanted]


def fullest(gpus: Iterable[Gpu]) -> Gpu | None:
    """Return the GPU that has to have the room: each of several gets the same training."""
    return min(gpus, key=lambda gpu: gpu.memory_free, default=None)


def _named(driver: GpuDriver, name: str) -> Gpu | None:
    """Return the GPU that CUDA takes a name for: an index, or a UUID or its unique beginning."""
    for gpu in driver.gpus:
        if name == str(gpu.index) or name in (one.uuid for one in gpu.mig_devices):
            return gpu
    alike = [gpu for gpu in driver.gpus if name and gpu.uuid.startswith(name)]
    return alike[0] if len(alike) == 1 else None


def cdi_devices(engine: Engine) -> list[str]:
    """Return the NVIDIA devices that the engine has discovered."""
    return [device for device in engine.cdi_devices if device.startswith("nvidia.com/gpu")]


def is_elsewhere(engine: Engine) -> bool:
    """Whether the engine runs on another machine, Docker Desktop's virtual one included."""
    return not engine.host.startswith("unix://") or "Docker Desktop" in engine.operating_system


def version_of(engine: Engine) -> tuple[int, int]:
    """Return major and minor version; (0, 0) for what is no version."""
    match = re.match(r"(\d+)\.(\d+)", engine.version)
    return (int(match[1]), int(match[2])) if match else (0, 0)
