"""The NVIDIA driver's management library (NVML): opened, asked and closed; no torch, no CUDA."""

# nvidia-ml-py has no annotations.
# pyright: reportMissingTypeStubs=false
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any


class NvmlError(Exception):
    """NVML answered with an error; `code` is one of nvml.h's, as `pynvml.NVML_ERROR_*`."""

    def __init__(self, error: Any) -> None:
        super().__init__(str(error))
        self.code: int = error.value


class NvmlInitError(NvmlError):
    """NVML could not be opened: no library, no kernel module, no permission."""


@dataclass(frozen=True)
class DeviceMemory:
    """Memory of a GPU or of a MIG device, in bytes, as the driver gave it (not validated)."""

    total: int
    free: int
    reserved: int
    """Held back by the driver, and not free; 0 where only NVML's first query is there."""


@contextmanager
def open_nvml(nvml: Any = None) -> Generator[Any]:
    """Open NVML, yield the module `pynvml`, and close it at the end; tests pass their own module.

    Raises:
        NvmlInitError: if NVML cannot be opened.
        NvmlError: if a query in the block fails and the block does not handle that.

    """
    if nvml is None:
        import pynvml as nvml  # loads the driver's library, so only when it is needed
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        raise NvmlInitError(error) from None
    try:
        yield nvml
    except nvml.NVMLError as error:
        raise NvmlError(error) from None
    finally:
        with suppress(nvml.NVMLError):
            nvml.nvmlShutdown()


def list_devices(nvml: Any) -> list[Any]:
    """Return the handle of each GPU, in the order of NVML's indices."""
    return [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]


def read_memory(nvml: Any, device: Any) -> DeviceMemory:
    """Return a device's memory. Old drivers know only the first of NVML's two queries.

    Raises:
        pynvml.NVMLError: if there is neither; NVML_ERROR_NOT_SUPPORTED for a GPU that is built
            into the processor and has no memory of its own.

    """
    with suppress(nvml.NVMLError):
        memory = nvml.nvmlDeviceGetMemoryInfo(device, version=nvml.nvmlMemory_v2)
        return DeviceMemory(memory.total, memory.free, memory.reserved)
    memory = nvml.nvmlDeviceGetMemoryInfo(device)
    return DeviceMemory(memory.total, memory.free, 0)


def read_free_gpu_memory() -> int | None:
    """Return the free bytes of the GPU that has most of them; None where NVML does not answer.

    Memory that the driver reserves for itself is not in the figure.
    """
    try:
        with open_nvml() as nvml:
            devices = list_devices(nvml)
            return max((int(read_memory(nvml, device).free) for device in devices), default=None)
    except NvmlError:
        return None


def read_compute_capability() -> tuple[int, int] | None:
    """Return the compute capability of the first GPU; None where NVML does not answer."""
    try:
        with open_nvml() as nvml:
            devices = list_devices(nvml)
            if not devices:
                return None
            major, minor = nvml.nvmlDeviceGetCudaComputeCapability(devices[0])
            return int(major), int(minor)
    except NvmlError:
        return None


def list_gpu_memory_holders() -> list[tuple[int, int]]:
    """Return the processes that compute on the GPUs with their bytes, the largest first.

    Empty where NVML does not answer; in a container it does not see processes outside.
    """
    try:
        with open_nvml() as nvml:
            holders = [
                (int(process.pid), int(process.usedGpuMemory or 0))
                for device in list_devices(nvml)
                for process in nvml.nvmlDeviceGetComputeRunningProcesses(device)
            ]
    except NvmlError:
        return []
    return sorted(holders, key=lambda holder: -holder[1])
