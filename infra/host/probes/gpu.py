"""Probe NVIDIA GPUs through the driver's management library (NVML), without torch."""

# nvidia-ml-py has no annotations.
# pyright: reportMissingTypeStubs=false
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError
from infra.host.facts import Gpu, GpuDriver, GpuProcess, MigDevice, NoGpuDriver
from infra.host.probes import pci
from infra.host.probes.answer_fields import parse_integer, parse_text
from infra.host.probes.container_toolkit import find_cdi_files, read_container_toolkit
from infra.host.probes.gpu_health import read_gpu_health
from infra.host.probes.kernel_log import (
    find_module_refusal,
    find_refused_gpus,
    find_xids,
    read_kernel_log,
)
from infra.host.probes.kernel_modules import (
    find_nvidia_module,
    has_nouveau,
    has_signature,
    read_secure_boot,
)
from qca.memory.nvml import (
    DeviceMemory,
    NvmlError,
    NvmlInitError,
    list_devices,
    open_nvml,
    read_memory,
)

# dockerd searches its PATH for the first one; the second one writes CDI files.
_TOOLKIT = ("nvidia-container-runtime-hook", "nvidia-ctk")
_Missing = Literal["no-driver", "not-loaded"]


def probe(deadline: Deadline, root: Path = Path("/"), nvml: Any = None) -> GpuDriver | NoGpuDriver:
    """Query NVML; `nvml` is the module `pynvml`, or a stand-in for it in tests."""
    try:
        with open_nvml(nvml) as opened:
            return _read_driver(opened, root, deadline)
    except NvmlInitError as error:
        missing = _explain_missing_driver(error, pci.find_nvidia_cards(root))
        return _add_kernel_facts(missing, root)
    except NvmlError as error:
        raise ProbeError(f"the NVIDIA driver answered with an error: {error}") from None
    except (TypeError, ValueError) as error:
        raise ProbeError(f"the NVIDIA driver gave an invalid answer: {error}") from None


def _explain_missing_driver(error: NvmlInitError, cards: tuple[str, ...]) -> NoGpuDriver:
    """Return the layer at which NVML failed; without a card, a missing driver is not a failure."""
    import pynvml

    if error.code == pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH:
        detail = f"the driver's library and kernel module differ in version: {error}"
        return NoGpuDriver(state="version-mismatch", detail=detail, cards=cards)
    if error.code == pynvml.NVML_ERROR_NO_PERMISSION:
        detail = f"this user may not open the NVIDIA device files: {error}"
        return NoGpuDriver(state="no-permission", detail=detail, cards=cards)
    missing: dict[int, tuple[_Missing, str]] = {
        pynvml.NVML_ERROR_LIBRARY_NOT_FOUND: ("no-driver", "the driver's library is not installed"),
        pynvml.NVML_ERROR_DRIVER_NOT_LOADED: ("not-loaded", "the kernel module is not loaded"),
    }
    if error.code not in missing:
        raise ProbeError(f"the NVIDIA driver could not be queried: {error}")
    if not cards:
        detail = f"no NVIDIA card on the PCI bus, and no driver ({error})"
        return NoGpuDriver(state="no-device", detail=detail)
    state, words = missing[error.code]
    return NoGpuDriver(state=state, detail=f"a card exists, but {words}: {error}", cards=cards)


def _add_kernel_facts(missing: NoGpuDriver, root: Path) -> NoGpuDriver:
    """Add what the kernel and the firmware show about the driver; its module only if there is a
    card."""
    found = replace(missing, nouveau=has_nouveau(root), secure_boot=read_secure_boot(root))
    if not missing.cards:
        return found
    module, log = find_nvidia_module(root), read_kernel_log(root)
    return replace(
        found,
        module=module,
        module_signed=has_signature(module, root),
        module_refusal=None if log is None else find_module_refusal(log),
        refused_gpus=None if log is None else find_refused_gpus(log),
    )


def _read_driver(nvml: Any, root: Path, deadline: Deadline) -> GpuDriver:
    cuda = nvml.nvmlSystemGetCudaDriverVersion_v2()
    log = read_kernel_log(root)
    return GpuDriver(
        driver_version=parse_text(nvml.nvmlSystemGetDriverVersion()),
        cuda_version=(cuda // 1000, cuda % 1000 // 10),  # 12040 is 12.4
        gpus=tuple(_read_gpu(nvml, *numbered) for numbered in enumerate(list_devices(nvml))),
        toolkit=next((path for name in _TOOLKIT if (path := shutil.which(name))), None),
        cdi_files=tuple(str(path) for path in find_cdi_files(root)),
        container_toolkit=read_container_toolkit(root, deadline),
        visible_devices=os.environ.get("CUDA_VISIBLE_DEVICES"),
        xids=None if log is None else find_xids(log),
        refused_gpus=None if log is None else find_refused_gpus(log),
    )


def _read_gpu(nvml: Any, index: int, handle: Any) -> Gpu:
    mig = _is_mig_enabled(nvml, handle)
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
    capability = parse_integer(major, "a capability"), parse_integer(minor, "a capability")
    memory, shares_host_memory = _read_memory(nvml, handle)
    return Gpu(
        index=index,
        name=parse_text(nvml.nvmlDeviceGetName(handle)),
        uuid=parse_text(nvml.nvmlDeviceGetUUID(handle)),
        memory_total=memory.total,
        memory_free=memory.free,
        memory_reserved=memory.reserved,
        compute_capability=capability,
        mig=mig,
        processes=tuple(_read_processes(nvml, handle)),
        shares_host_memory=shares_host_memory,
        pci_address=_read_pci_address(nvml, handle),
        health=read_gpu_health(nvml, handle),
        mig_devices=tuple(_read_mig_devices(nvml, handle)) if mig else (),
    )


def _read_pci_address(nvml: Any, handle: Any) -> str | None:
    """Return the address in the system's notation; a GPU is function 0 of its device."""
    with suppress(nvml.NVMLError):
        found = nvml.nvmlDeviceGetPciInfo_v3(handle)
        return f"{found.domain:04x}:{found.bus:02x}:{found.device:02x}.0"
    return None


def _read_memory(nvml: Any, handle: Any) -> tuple[DeviceMemory, bool]:
    """Return a device's memory, and whether it is the host's because the GPU has none."""
    try:
        memory = read_memory(nvml, handle)
    except nvml.NVMLError as error:
        if error.value != nvml.NVML_ERROR_NOT_SUPPORTED:
            raise
        import psutil

        host = psutil.virtual_memory()
        return DeviceMemory(host.total, host.available, 0), True
    sizes = map(_parse_size, (memory.total, memory.free, memory.reserved))
    return DeviceMemory(*sizes), False


def _parse_size(found: Any) -> int:
    return parse_integer(found, "a memory size")


def _is_mig_enabled(nvml: Any, handle: Any) -> bool:
    try:
        current, _ = nvml.nvmlDeviceGetMigMode(handle)
    except nvml.NVMLError:  # cards before Ampere have no MIG mode
        return False
    return current == nvml.NVML_DEVICE_MIG_ENABLE


def _read_mig_devices(nvml: Any, handle: Any) -> Iterator[MigDevice]:
    for slot in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        try:
            device = nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, slot)
        except nvml.NVMLError:  # an empty slot
            continue
        memory, _ = _read_memory(nvml, device)
        yield MigDevice(
            name=parse_text(nvml.nvmlDeviceGetName(device)),
            uuid=parse_text(nvml.nvmlDeviceGetUUID(device)),
            memory_total=memory.total,
            memory_free=memory.free,
        )


def _read_processes(nvml: Any, handle: Any) -> Iterator[GpuProcess]:
    """Yield each process once; both queries list a process that uses graphics and compute."""
    queries: tuple[Callable[[Any], Any], ...] = (
        nvml.nvmlDeviceGetComputeRunningProcesses,
        nvml.nvmlDeviceGetGraphicsRunningProcesses,
    )
    used_by_pid: dict[int, int | None] = {}
    for query in queries:
        with suppress(nvml.NVMLError):  # not supported in MIG mode and on some laptops
            for process in query(handle):
                used = _parse_size(process.usedGpuMemory or 0)
                used_by_pid[process.pid] = max(used_by_pid.get(process.pid) or 0, used) or None
    for pid, used in sorted(used_by_pid.items()):
        yield GpuProcess(pid=pid, name=_read_process_name(nvml, pid), used=used)


def _read_process_name(nvml: Any, pid: int) -> str:
    try:
        return parse_text(nvml.nvmlSystemGetProcessName(pid))
    except (nvml.NVMLError, UnicodeDecodeError):  # outside this container, or just exited
        return ""
