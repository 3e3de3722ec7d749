"""What a training's process takes outside of torch's tensors.

On CUDA it is the driver's context, and NCCL where several GPUs train together. On a CPU it is
the interpreter with torch and its libraries, which depends on the wheel that is installed
(a CUDA build takes twice a CPU build's), and what the kernels hold beside their operands.
"""

from dataclasses import dataclass
from typing import Literal

from qca.core.units import MIB

# NVIDIA's context with the kernels and the graphs that are loaded: 621 MiB at the first tensor,
# 708 after a training (`benchmarks.bptt`, outside_bytes: what the GPU has in use, less what
# the allocator holds; H100, driver 580, torch 2.11). Smaller cards hold fewer
# multiprocessors' stacks, hence less.
CUDA_CONTEXT = 736 * MIB
# What NCCL takes beside it where several GPUs train together, held to four blocks as
# `qca.train.distributed.torch_env` does: 368 MiB on each of two H100 joined by NVLink
# (driver 580, NCCL 2.28, torch 2.11; `tests/train/test_cuda_processes.py` holds it to that).
# 5 % on top.
NCCL_CONTEXT = 388 * MIB
# The peak resident set of a training whose tensors take nothing (`infra.host.resident_floor`),
# with the CPU wheel of torch 2.13 on x86-64 Linux: what is assumed where it was not measured.
RESIDENT_FLOOR = 335 * MIB
# What convolutions of a real size add to it, beside copies of their operands: oneDNN's code and
# malloc's arenas. 16 MiB at most over twelve configurations on two cores (VmHWM less the floor,
# the tensors and the operands; `tests/memory/test_resident.py`), half as much again on top.
CPU_KERNELS = 24 * MIB


@dataclass(frozen=True)
class Context:
    """Bytes outside of torch's tensors."""

    runtime: int
    """The CUDA context, or the interpreter with torch."""
    kernels: int = 0
    """What a CPU's kernels hold beside their operands."""
    nccl: int = 0
    measured: bool = False
    """Whether `runtime` was measured on this machine; otherwise it is the shipped figure."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.runtime + self.kernels + self.nccl


def estimate_context(
    device: Literal["cpu", "cuda"],
    *,
    operands: int = 0,
    together: bool = False,
    resident_floor: int | None = None,
) -> Context:
    """Return what a training's process takes outside of torch's tensors.

    Args:
        device: where it computes.
        operands: the most bytes that one step's kernels read and write on a CPU: oneDNN copies
            them into its own blocked layout, and malloc keeps much of what is given back.
        together: whether several GPUs train one model.
        resident_floor: what a training without tensors takes here, if it was measured.

    """
    if device == "cuda":
        return Context(CUDA_CONTEXT, nccl=NCCL_CONTEXT if together else 0)
    floor = RESIDENT_FLOOR if resident_floor is None else resident_floor
    return Context(floor, CPU_KERNELS + operands, measured=resident_floor is not None)
