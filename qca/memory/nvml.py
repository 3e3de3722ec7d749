"""What the GPUs have free now, and who holds the rest, asked of NVML: no torch, no CUDA context."""

from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")


def free_gpu_memory() -> int | None:
    """Return the free bytes of the GPU that has most of them; None where NVML cannot tell.

    Memory that the driver reserves for itself is not in the figure.
    """
    return _ask(
        lambda nvml, devices: max(
            (int(nvml.nvmlDeviceGetMemoryInfo(one).free) for one in devices), default=None
        )
    )


def gpu_memory_holders() -> list[tuple[int, int]]:
    """Return the processes that compute on the GPUs with their bytes, the largest first.

    Empty where NVML cannot tell; in a container it does not see processes outside.
    """

    def holders(nvml: Any, devices: list[Any]) -> list[tuple[int, int]]:
        return [
            (int(process.pid), int(process.usedGpuMemory or 0))
            for device in devices
            for process in nvml.nvmlDeviceGetComputeRunningProcesses(device)
        ]

    return sorted(_ask(holders) or [], key=lambda one: -one[1])


def _ask(question: Callable[[Any, list[Any]], _T]) -> _T | None:
    """Put a question to the library and its devices; None for whatever it refuses."""
    import pynvml  # loads the driver's library: only for a command that needs it

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        indices = range(pynvml.nvmlDeviceGetCount())
        return question(pynvml, [pynvml.nvmlDeviceGetHandleByIndex(index) for index in indices])
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()
