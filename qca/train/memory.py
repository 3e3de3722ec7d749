"""Read the peak memory of this process, and list the processes that hold a GPU's memory."""

import resource
import sys
from pathlib import Path
from typing import NamedTuple

import torch

from qca.core.units import format_size
from qca.memory.allocator import LARGE_SEGMENT
from qca.memory.nvml import list_gpu_memory_holders

# A resident set varies by a few percent between identical runs: one reached 390 MiB in 400
# episodes, where 381 was predicted, while others stayed below 381.
_RESIDENT_TOLERANCE = 1.05
# The allocator compares a request with its limit before it rounds it up to whole segments
# (`alloc_block` and `map_block` in c10/cuda/CUDACachingAllocator.cpp).
_RESERVED_TOLERANCE = LARGE_SEGMENT


class PeakMemory(NamedTuple):
    """Bytes at the peak so far."""

    used: int
    """On CUDA the peak of the tensors; on a CPU that of the process's resident set."""
    reserved: int | None
    """On CUDA the peak that the allocator reserved on the device; None on a CPU."""


def read_peak_memory(device: torch.device) -> PeakMemory:
    """Return this process's peak memory on `device` so far."""
    if device.type == "cuda":
        return PeakMemory(
            torch.cuda.max_memory_allocated(device), torch.cuda.max_memory_reserved(device)
        )
    return PeakMemory(read_peak_resident_bytes(), None)


def read_peak_resident_bytes() -> int:
    """Return the peak resident set of this process.

    Linux's VmHWM starts at zero when the program starts. `getrusage` starts at the parent's memory
    at the time of the fork, which may be far more.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if "VmHWM" in line)
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def describe_excess(
    memory: PeakMemory, predicted_peak_bytes: int | None, predicted_context_bytes: int | None
) -> str | None:
    """Return a sentence for a peak above its prediction, or None if there is no excess.

    A resident set may exceed the sum of peak and context by a few percent. An allocator's bytes may
    exceed the peak by one segment.
    """
    if predicted_peak_bytes is None or predicted_context_bytes is None:
        return None
    predicted, found = predicted_peak_bytes, memory.reserved
    most = predicted + _RESERVED_TOLERANCE
    if found is None:
        predicted, found = predicted + predicted_context_bytes, memory.used
        most = predicted * _RESIDENT_TOLERANCE
    if found <= most:
        return None
    return (
        f"training takes {format_size(found)} of memory, more than the predicted "
        f"{format_size(predicted)}; please report it with `qca doctor --record FILE`"
    )


def is_refused_memory(error: Exception) -> bool:
    """Return whether an allocator ran out of memory; on a CPU torch raises a RuntimeError."""
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return known or "DefaultCPUAllocator" in str(error)


def describe_memory_holders(device: torch.device) -> str:
    """Return a phrase that lists the processes with GPU memory; an empty string if unknown."""
    if device.type != "cuda":
        return ""
    holders = list_gpu_memory_holders()
    if not holders:
        return ""
    named = (f"process {pid} ({format_size(size)})" for pid, size in holders)
    return f"; the GPU's memory is held by {', '.join(named)}"
