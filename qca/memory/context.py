"""Estimate the memory that a training process takes outside torch's tensors.

On CUDA it is the driver's context, plus NCCL's memory if several GPUs train together. On a CPU it
is the memory of the interpreter with torch and its libraries, plus what the kernels hold in
addition to the tensors. The first part depends on the installed wheel: a CUDA build takes twice as
much as a CPU build.
"""

from typing import Literal

from qca.core.frozen import frozen_dataclass
from qca.core.units import MIB

# NVIDIA's context with the loaded kernels and graphs: 621 MiB at the first tensor,
# 708 after a training run (`benchmarks.bptt`, outside_bytes: the GPU's memory in use minus the
# allocator's; H100, driver 580, torch 2.11). Smaller cards have fewer multiprocessors and therefore
# smaller stacks.
CUDA_CONTEXT = 736 * MIB
# NCCL's memory if several GPUs train together, limited to four blocks by
# `qca.train.distributed.torch_env`: 368 MiB on each of two H100 joined by NVLink
# (driver 580, NCCL 2.28, torch 2.11; asserted by `tests/train/test_cuda_processes.py`), plus 5%.
NCCL_CONTEXT = 388 * MIB
# The peak resident set of a training run with negligible tensors (`infra.host.resident_floor`),
# with the CPU wheel of torch 2.13 on x86-64 Linux; used if this machine's was not measured.
RESIDENT_FLOOR = 300 * MIB
# The memory that training adds, apart from copies of the convolutions' operands: oneDNN's code, and
# holes in malloc's heap, which grow over the first hundred episodes if all tapes are kept. It was
# at most 16 MiB after two episodes (twelve configurations on two cores), 28 MiB after 60 to 100
# with the `cpu` profile and grids of 16 and 32, and 33 MiB after 400 (VmHWM minus the floor, the
# tensors and the operands; `tests/memory/test_resident.py`); the figure adds a fifth. Without
# glibc's dynamic M_MMAP_THRESHOLD there are no holes, but an episode takes 1.2 to 1.7 times as much
# CPU time (glibc 2.36, one thread).
CPU_KERNELS = 40 * MIB
# A step with larger tensors than the `cpu` profile's, whose operands take 2 MiB, can leave larger
# holes: with a grid of 32, once in eight runs of 100 episodes, 47 MiB on two busy cores.
_SMALL_OPERANDS, _LARGER_HOLES = 5 * MIB // 2, 12 * MIB


@frozen_dataclass
class Context:
    """Bytes outside torch's tensors."""

    runtime: int
    """The CUDA context, or the interpreter with torch."""
    kernels: int = 0
    """Bytes that a CPU's kernels hold in addition to the tensors."""
    nccl: int = 0
    measured: bool = False
    """Whether `runtime` was measured on this machine; otherwise it is the built-in figure."""

    @property
    def total(self) -> int:
        """The sum of all three."""
        return self.runtime + self.kernels + self.nccl


def estimate_context(
    device: Literal["cpu", "cuda"],
    *,
    operands: int = 0,
    together: bool = False,
    resident_floor: int | None = None,
) -> Context:
    """Return the memory that a training process takes outside torch's tensors.

    Args:
        device: the device that computes.
        operands: the maximum bytes that one step's kernels read and write on a CPU: oneDNN
            copies them into its own blocked layout, and malloc keeps much of the freed memory.
        together: whether several GPUs train one model.
        resident_floor: the memory of a training run with negligible tensors on this machine, if it
            was measured.

    """
    if device == "cuda":
        return Context(CUDA_CONTEXT, nccl=NCCL_CONTEXT if together else 0)
    floor = RESIDENT_FLOOR if resident_floor is None else resident_floor
    holes = _LARGER_HOLES if operands > _SMALL_OPERANDS else 0
    return Context(floor, CPU_KERNELS + operands + holes, measured=resident_floor is not None)
