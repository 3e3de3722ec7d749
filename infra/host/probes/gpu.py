"""NVIDIA GPUs as the driver's management library (NVML) shows them; torch is not needed."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from infra.host.deadline import ProbeError
from infra.host.facts.host import Gpu, GpuDriver, GpuProcess, MigDevice, NoGpuDriver
from infra.host.probes import pci
from infra.host.probes.answers import text, whole

# The first is what dockerd itself looks for in its PATH; the second writes CDI files.
_TOOLKIT = ("nvidia-container-runtime-hook", "nvidia-ctk")
_Missing = Literal["no-driver", "not-loaded"]

_CDI_DIRS = ("etc/cdi", "var/run/cdi")  # where the engine reads CDI files by default


def probe(root: Path = Path("/"), nvml: Any = None) -> GpuDriver | NoGpuDriver:
    """Ask NVML. `nvml` is the module `pynvml`; tests hand in their own."""
    if nvml is None:
        import pynvml as nvml
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        return _no_driver(nvml, error, pci.nvidia_cards(root))
    try:
        return _driver(nvml, root)
    except nvml.NVMLError as error:
        raise ProbeError(f"the NVIDIA driver answered with an error: {error}") from None
    except (TypeError, ValueError) as error:
        raise ProbeError(f"the NVIDIA driver answered what cannot be: {error}") from None
    finally:
        with suppress(nvml.NVMLError):
            nvml.nvmlShutdown()


def _no_driver(nvml: Any, error: Any, cards: tuple[str, ...]) -> NoGpuDriver:
    """Say at which layer NVML failed. Without a card no layer above it is missing."""
    if error.value == nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH:
        detail = f"the driver's library and kernel module differ in version: {error}"
        return NoGpuDriver(state="version-mismatch", detail=detail, cards=cards)
    if error.value == nvml.NVML_ERROR_NO_PERMISSION:
        detail = f"this user may not open the NVIDIA device files: {error}"
        return NoGpuDriver(state="no-permission", detail=detail, cards=cards)
    missing: dict[int, tuple[_Missing, str]] = {
        nvml.NVML_ERROR_LIBRARY_NOT_FOUND: ("no-driver", "the driver's library is not installed"),
        nvml.NVML_ERROR_DRIVER_NOT_LOADED: ("not-loaded", "the kernel module is not loaded"),
    }
    if error.value not in missing:
        raise ProbeError(f"the NVIDIA driver could not be asked: {error}")
    if not cards:
        detail = f"no NVIDIA card on the PCI bus, and no driver ({error})"
        return NoGpuDriver(state="no-device", detail=detail)
    state, words = missing[error.value]
    return NoGpuDriver(state=state, detail=f"there is a card, but {words}: {error}", cards=cards)


def _driver(nvml: Any, root: Path) -> GpuDriver:
    cuda = nvml.nvmlSystemGetCudaDriverVersion_v2()
    return GpuDriver(
        driver_version=text(nvml.nvmlSystemGetDriverVersion()),
        cuda_version=(cuda // 1000, cuda % 1000 // 10),  # 12040 is 12.4
        gpus=tuple(_gpu(nvml, index) for index in range(nvml.nvmlDeviceGetCount())),
        toolkit=next((path for name in _TOOLKIT if (path := shutil.which(name))), None),
        cdi_files=_cdi_files(root),
        visible_devices=os.environ.get("CUDA_VISIBLE_DEVICES"),
    )


def _gpu(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    mig = _mig(nvml, handle)
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
    memory = _memory(nvml, handle)
    return Gpu(
        index=index,
        name=text(nvml.nvmlDeviceGetName(handle)),
        uuid=text(nvml.nvmlDeviceGetUUID(handle)),
        memory_total=memory[0],
        memory_free=memory[1],
        memory_reserved=memory[2],
        compute_capability=(whole(major, "a capability"), whole(minor, "a capability")),
        mig=mig,
        processes=tuple(_processes(nvml, handle)),
        shares_host_memory=memory[3],
        mig_devices=tuple(_mig_devices(nvml, handle)) if mig else (),
    )


def _memory(nvml: Any, handle: Any) -> tuple[int, int, int, bool]:
    """Return total, free, reserved, and whether it is the host's own memory.

    The second query tells what the driver holds back; old drivers know only the first.
    A GPU that is built into the processor has no memory of its own: it knows neither.
    """
    with suppress(nvml.NVMLError):
        memory = nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)
        return _size(memory.total), _size(memory.free), _size(memory.reserved), False
    try:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    except nvml.NVMLError as error:
        if error.value != nvml.NVML_ERROR_NOT_SUPPORTED:
            raise
        import psutil

        host = psutil.virtual_memory()
        return host.total, host.available, 0, True
    return _size(memory.total), _size(memory.free), 0, False


def _size(found: Any) -> int:
    return whole(found, "a size of memory")


def _mig(nvml: Any, handle: Any) -> bool:
    try:
        current, _ = nvml.nvmlDeviceGetMigMode(handle)
    except nvml.NVMLError:  # cards before Ampere have no such mode
        return False
    return current == nvml.NVML_DEVICE_MIG_ENABLE


def _mig_devices(nvml: Any, handle: Any) -> Iterator[MigDevice]:
    for slot in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        try:
            device = nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, slot)
        except nvml.NVMLError:  # an empty slot
            continue
        total, free, _, _ = _memory(nvml, device)
        yield MigDevice(
            name=text(nvml.nvmlDeviceGetName(device)),
            uuid=text(nvml.nvmlDeviceGetUUID(device)),
            memory_total=total,
            memory_free=free,
        )


def _processes(nvml: Any, handle: Any) -> Iterator[GpuProcess]:
    """Yield each process once; one that draws and computes is listed by both queries."""
    queries: tuple[Callable[[Any], Any], ...] = (
        nvml.nvmlDeviceGetComputeRunningProcesses,
        nvml.nvmlDeviceGetGraphicsRunningProcesses,
    )
    seen: dict[int, int | None] = {}
    for query in queries:
        with suppress(nvml.NVMLError):  # not supported in MIG mode and on some laptops
            for process in query(handle):
                used = _size(process.usedGpuMemory or 0)
                seen[process.pid] = max(seen.get(process.pid) or 0, used) or None
    for pid, used in sorted(seen.items()):
        yield GpuProcess(pid=pid, name=_process_name(nvml, pid), used=used)


def _process_name(nvml: Any, pid: int) -> str:
    try:
        return text(nvml.nvmlSystemGetProcessName(pid))
    except (nvml.NVMLError, UnicodeDecodeError):  # outside of this container, or just ended
        return ""


def _cdi_files(root: Path) -> tuple[str, ...]:
    """Return the CDI files that describe NVIDIA devices, by their names' custom."""
    files: list[str] = []
    for folder in _CDI_DIRS:
        with suppress(OSError):
            files += [str(path) for path in (root / folder).iterdir() if "nvidia" in path.name]
    return tuple(sorted(files))
