"""Query the NVIDIA driver's management library (NVML), without torch or CUDA."""

# nvidia-ml-py has no annotations.
# pyright: reportMissingTypeStubs=false
import itertools
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from qca.core.frozen import frozen_dataclass

T = TypeVar("T")


class NvmlError(Exception):
    """An error that NVML returned; `code` is one of `pynvml.NVML_ERROR_*`."""

    def __init__(self, error: Any) -> None:
        super().__init__(str(error))
        self.code: int = error.value


class NvmlInitError(NvmlError):
    """NVML cannot be opened: the library, the kernel module or the permission is missing."""


@frozen_dataclass
class DeviceMemory:
    """Memory of a GPU or of a MIG device, in bytes, as reported by the driver (not validated)."""

    total: int
    free: int
    reserved: int
    """Bytes reserved by the driver, which are not free; 0 if the driver supports only the first
    version of NVML's memory query."""


@contextmanager
def open_nvml(nvml: Any = None) -> Generator[Any]:
    """Open NVML, yield the module `pynvml`, and close it at the end; tests pass their own module.

    Raises:
        NvmlInitError: if NVML cannot be opened.
        NvmlError: if a query in the block fails and the block does not handle that.

    """
    if nvml is None:
        import pynvml as nvml  # imported late, because it loads the driver's library
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
    """Return a device's memory. Old drivers support only the first version of NVML's memory query.

    Raises:
        pynvml.NVMLError: if neither version works; NVML_ERROR_NOT_SUPPORTED for a GPU that is
            integrated into the processor and has no dedicated memory.

    """
    with suppress(nvml.NVMLError):
        memory = nvml.nvmlDeviceGetMemoryInfo(device, version=nvml.nvmlMemory_v2)
        return DeviceMemory(memory.total, memory.free, memory.reserved)
    memory = nvml.nvmlDeviceGetMemoryInfo(device)
    return DeviceMemory(memory.total, memory.free, 0)


def read_free_gpu_memory() -> int | None:
    """Return the free bytes of the GPU with the most free memory; None if NVML is not available.

    Memory that the driver reserves for itself does not count as free.
    """
    return max(_query_each(lambda nvml, gpu: int(read_memory(nvml, gpu).free)), default=None)


def read_compute_capability() -> tuple[int, int] | None:
    """Return the compute capability of the first GPU; None if NVML is not available."""
    return _query_first(_read_capability)


def read_gpu_name() -> str | None:
    """Return the name of the first GPU; None if NVML is not available."""
    return _query_first(lambda nvml, gpu: str(nvml.nvmlDeviceGetName(gpu)))


def list_gpu_memory_holders() -> list[tuple[int, int]]:
    """Return the ID of each process that computes on a GPU, and its GPU bytes, most bytes first.

    The list is empty if NVML is not available. In a container, it does not include processes
    outside the container.
    """
    holders = itertools.chain.from_iterable(_query_each(_list_holders))
    return sorted(holders, key=lambda holder: -holder[1])


def _query_first(query: Callable[[Any, Any], T]) -> T | None:
    return next(iter(_query_each(query, at_most=1)), None)


def _query_each(query: Callable[[Any, Any], T], at_most: int | None = None) -> list[T]:
    """Return a query's answer for each GPU; empty if NVML is not available or any query fails."""
    try:
        with open_nvml() as nvml:
            return [query(nvml, device) for device in list_devices(nvml)[:at_most]]
    except NvmlError:
        return []


def _read_capability(nvml: Any, device: Any) -> tuple[int, int]:
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(device)
    return int(major), int(minor)


def _list_holders(nvml: Any, device: Any) -> list[tuple[int, int]]:
    processes = nvml.nvmlDeviceGetComputeRunningProcesses(device)
    return [(int(process.pid), int(process.usedGpuMemory or 0)) for process in processes]
