"""Decide whether an engine can pass an NVIDIA GPU to a container that requests driver `nvidia`.

dockerd looks for `nvidia-container-runtime-hook` on its own PATH. From Engine 29.2 on, it also
turns the request into CDI devices, if it has found any; earlier engines use CDI files only for
requests that name the driver `cdi`. A registered nvidia runtime is neither required nor sufficient.
https://github.com/moby/moby/pull/50228
"""

import math
from collections.abc import Iterable
from enum import StrEnum
from itertools import takewhile
from typing import Literal

from infra.host.facts import ContainerToolkit, Engine, Gpu, GpuDriver
from infra.host.snap import is_from_snap
from qca.core.frozen import frozen_dataclass
from qca.core.versions import parse_version

CDI_FOR_NVIDIA = (29, 2)
CDI_FOR_AMD = (29, 3)
# https://github.com/NVIDIA/nvidia-container-toolkit/blob/main/CHANGELOG.md
_CDI_HOOK_SINCE = (1, 16)
_AMD_KIND = "amd.com/gpu="
_HOOK = "nvidia-container-runtime-hook"


class Obstacle(StrEnum):
    """The reason why a container cannot use the GPU of this host."""

    NO_TOOLKIT = "no-toolkit"
    NOT_RESTARTED = "not-restarted"
    """The toolkit was installed after the daemon started, and the daemon looks for it only at
    startup."""
    STALE_CDI = "stale-cdi"
    """The CDI file describes another driver, or devices that do not exist."""
    NEEDS_NO_CGROUPS = "needs-no-cgroups"
    """The toolkit tries to set device rules, which a rootless engine is not allowed to do."""
    NO_CGROUPS = "no-cgroups"
    """The toolkit is configured for a rootless engine, but this one is not rootless."""


@frozen_dataclass
class GpuAccess:
    """Whether an engine can use the GPUs of this host, and the evidence for it."""

    usable: bool | None
    """None if it cannot be determined from here."""
    because: str
    obstacle: Obstacle = Obstacle.NO_TOOLKIT
    """The obstacle, if it is not usable."""


def assess_gpu_access(engine: Engine, gpu: GpuDriver) -> GpuAccess:
    """Return whether containers of `engine` can use the GPUs of `gpu`."""
    if is_from_snap(engine):
        return _assess_snap(engine, gpu)
    if takes_cdi(engine, gpu):
        return _assess_cdi(engine, gpu)
    has_runtime = "nvidia" in engine.runtimes
    if engine.is_elsewhere:
        if has_runtime:
            return GpuAccess(True, f"the engine at {engine.host} has the nvidia runtime")
        where = f"the engine at {engine.host} runs on another machine or in a virtual machine"
        return GpuAccess(None, where)
    if gpu.toolkit and _is_hook(gpu.toolkit):
        return _assess_hook(engine, gpu, gpu.toolkit)
    if has_runtime:
        return GpuAccess(
            None,
            "the nvidia runtime is registered, but the toolkit's hook, which the engine needs, "
            "is not on this user's PATH; it may be on the daemon's",
        )
    return GpuAccess(False, _explain_missing_toolkit(engine, gpu))


def takes_cdi(engine: Engine, gpu: GpuDriver) -> bool:
    """Return whether dockerd answers a request for an NVIDIA GPU with CDI devices that it found.

    It does so only with `nvidia-cdi-hook` on its PATH (moby, daemon/devices_nvidia_linux.go).
    """
    if not list_cdi_devices(engine) or parse_version(engine.version) < CDI_FOR_NVIDIA:
        return False
    toolkit = gpu.container_toolkit
    return toolkit is None or engine.is_elsewhere or toolkit.cdi_hook is not None


def has_hook(engine: Engine, gpu: GpuDriver) -> bool:
    """Return whether dockerd presumably finds the toolkit's hook, which resolves GPU names."""
    return _is_hook(gpu.toolkit or "") or "nvidia" in engine.runtimes


def _is_hook(program: str) -> bool:
    return program.endswith(_HOOK)


def _assess_cdi(engine: Engine, gpu: GpuDriver) -> GpuAccess:
    toolkit = gpu.container_toolkit
    stale = "" if toolkit is None or engine.is_elsewhere else _explain_stale_cdi(toolkit, gpu)
    if not stale:
        return GpuAccess(True, "the engine has found CDI devices")
    if gpu.toolkit and _is_hook(gpu.toolkit):
        # Some engines try CDI first, others the hook.
        return GpuAccess(None, f"{stale}; the engine may use the toolkit's hook instead")
    return GpuAccess(False, stale, Obstacle.STALE_CDI)


def _explain_stale_cdi(toolkit: ContainerToolkit, gpu: GpuDriver) -> str:
    """Return the first difference between the CDI files and this host; empty if there is none.

    Files in /var/run/cdi take precedence over those in /etc/cdi.
    """
    written_anew = [spec for spec in toolkit.cdi_specs if "/run/cdi/" in spec.path]
    for spec in written_anew or toolkit.cdi_specs:
        if spec.driver_version not in (None, gpu.driver_version):
            return (
                f"{spec.path} describes driver {spec.driver_version}, but {gpu.driver_version} is "
                f"running"
            )
        if spec.missing:
            return f"{spec.path} names {spec.missing[0]}, which does not exist"
    return ""


def _assess_hook(engine: Engine, gpu: GpuDriver, hook: str) -> GpuAccess:
    toolkit = gpu.container_toolkit
    if toolkit is None:
        return GpuAccess(True, f"dockerd finds {hook}")
    # A registered runtime proves that the toolkit was already installed and has been upgraded
    # since.
    is_newer = (toolkit.hook_changed or 0) > (engine.started or math.inf)
    if is_newer and "nvidia" not in engine.runtimes:
        why = (
            f"{hook} was installed after the daemon started, and the daemon looks for it only at "
            "startup"
        )
        return GpuAccess(False, why, Obstacle.NOT_RESTARTED)
    if engine.is_rootless and not toolkit.no_cgroups:
        why = "the engine is rootless, and the toolkit's `no-cgroups` is not set"
        return GpuAccess(False, why, Obstacle.NEEDS_NO_CGROUPS)
    if toolkit.no_cgroups and not engine.is_rootless:
        why = "the toolkit's `no-cgroups` is set, although this engine is not rootless"
        return GpuAccess(False, why, Obstacle.NO_CGROUPS)
    return GpuAccess(True, f"dockerd finds {hook}")


def _assess_snap(engine: Engine, gpu: GpuDriver) -> GpuAccess:
    """Assess the snap's engine, which uses only its own toolkit, and only if it finds a driver.

    https://github.com/canonical/docker-snap#nvidia-support and its issue 357
    """
    if "nvidia" not in engine.runtimes:
        return GpuAccess(False, "the Docker snap has not set up its NVIDIA toolkit")
    if gpu.toolkit and parse_version(engine.version) >= CDI_FOR_NVIDIA:
        return GpuAccess(False, f"the Docker snap's toolkit clashes with this host's {gpu.toolkit}")
    return GpuAccess(None, "the Docker snap has its own toolkit, which is not visible from here")


def _explain_missing_toolkit(engine: Engine, gpu: GpuDriver) -> str:
    missing = (
        f"{gpu.toolkit} is installed, but not the toolkit's hook"
        if gpu.toolkit
        else "the NVIDIA Container Toolkit is not installed"
    )
    if list_cdi_devices(engine):
        if parse_version(engine.version) >= CDI_FOR_NVIDIA:
            why = "without nvidia-cdi-hook the engine does not use CDI devices for the request"
            return f"{missing}, and {why}{_explain_old_toolkit(gpu)}"
        why = f"Engine {engine.version} (before 29.2) uses no CDI devices for the request"
        return f"{missing}, and {why}"
    if parse_version(engine.version) >= CDI_FOR_NVIDIA:
        return f"{missing}, and the engine has found no CDI device"
    return missing


def _explain_old_toolkit(gpu: GpuDriver) -> str:
    version = gpu.container_toolkit.version if gpu.container_toolkit else None
    if not () < parse_version(version or "") < _CDI_HOOK_SINCE:
        return ""
    return f" (toolkit {version} has none; it came with 1.16)"


def assess_amd_access(engine: Engine) -> GpuAccess | None:
    """Return whether a container with `gpus` gets AMD's GPUs; None without evidence of AMD.

    From 29.3 on, an engine turns the request into CDI devices, unless it found NVIDIA's toolkit
    when it started: moby pull request 52048 (daemon/devices_amd_linux.go). On earlier engines, only
    AMD's runtime handles it. https://instinct.docs.amd.com/projects/container-toolkit
    """
    has_devices = any(device.startswith(_AMD_KIND) for device in engine.cdi_devices)
    if not has_devices and "amd" not in engine.runtimes:
        return None
    if has_devices and (list_cdi_devices(engine) or "nvidia" in engine.runtimes):
        return GpuAccess(None, "the engine knows of both NVIDIA and AMD GPUs")
    if has_devices and parse_version(engine.version) >= CDI_FOR_AMD:
        return GpuAccess(True, "the engine has found AMD's CDI devices")
    if "amd" in engine.runtimes:
        return GpuAccess(None, "that depends on AMD's runtime, which the service must request")
    why = f"Engine {engine.version} (before 29.3) does not turn the request into CDI devices"
    return GpuAccess(False, why)


def select_training_gpus(driver: GpuDriver, runtime: str, count: int | Literal["all"]) -> list[Gpu]:
    """Return the GPUs for a training run that requests `count`, or fewer if the host has fewer.

    A container with `count: N` gets the first N (moby, daemon/nvidia_linux.go). A process gets the
    GPUs in CUDA_VISIBLE_DEVICES: all if it is not set, none if it is empty.
    https://docs.nvidia.com/cuda/cuda-c-programming-guide/#cuda-environment-variables
    """
    if runtime == "local" and driver.visible_devices is not None:
        gpus = _select_visible_gpus(driver, driver.visible_devices)
    else:
        gpus = sorted(driver.gpus, key=lambda gpu: gpu.index)
    return gpus if count == "all" else gpus[:count]


def _select_visible_gpus(driver: GpuDriver, visible_devices: str) -> list[Gpu]:
    """Return the GPUs that CUDA shows for this value of CUDA_VISIBLE_DEVICES.

    These are the GPUs before the first unknown name, or none if one of them is repeated
    (torch.cuda's _parse_visible_devices counts in the same way).
    """
    names = [name.strip() for name in visible_devices.split(",")]
    known_names = list(takewhile(lambda name: _find_gpu(driver, name), names))
    if len(set(known_names)) < len(known_names):
        return []
    return [gpu for name in known_names if (gpu := _find_gpu(driver, name))]


def find_fullest_gpu(gpus: Iterable[Gpu]) -> Gpu | None:
    """Return the GPU with the least free memory, which limits a training run on all of them."""
    return min(gpus, key=lambda gpu: gpu.memory_free, default=None)


def _find_gpu(driver: GpuDriver, name: str) -> Gpu | None:
    """Return the GPU that a name means to CUDA: an index, a UUID, or a unique prefix of one."""
    for gpu in driver.gpus:
        if name == str(gpu.index) or name in (device.uuid for device in gpu.mig_devices):
            return gpu
    matches = [gpu for gpu in driver.gpus if name and gpu.uuid.startswith(name)]
    return matches[0] if len(matches) == 1 else None


def list_cdi_devices(engine: Engine) -> list[str]:
    """Return the NVIDIA devices that the engine has discovered."""
    return [device for device in engine.cdi_devices if device.startswith("nvidia.com/gpu")]
