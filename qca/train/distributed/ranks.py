"""Synchronize the processes that `torchrun` started to train one model.

Each process computes different samples. Once per episode, gradients and metrics are averaged, so
all processes take the same optimizer step. The only large transfer per episode is the
all-reduce of the gradients (NCCL between GPUs, gloo between CPUs).
"""

# torch's annotations are incomplete.
# pyright: reportUnknownMemberType=false
import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from qca.core.errors import LaunchError
from qca.train.distributed.launcher_env import count_processes

# Time limit for waiting for another process, which may run a whole episode on a slow CPU.
_PATIENCE = timedelta(hours=2)
_CPU = torch.device("cpu")

_T = TypeVar("_T")


class Ranks:
    """The processes of this training run; a single process has rank 0 of 1."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank = rank
        self.size = size

    def is_any(self, value: bool, device: torch.device) -> bool:
        """Return whether `value` is true on any rank; all ranks must call it at the same point."""
        if self.size == 1:
            return value
        flag = torch.tensor(float(value), device=device)
        with _translate_errors():
            dist.all_reduce(flag, dist.ReduceOp.MAX)
            return bool(flag.item())

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor with its mean over the ranks."""
        if self.size == 1:
            return
        with _translate_errors():
            for tensor in tensors:
                dist.all_reduce(tensor)  # gloo has no average operation
                tensor.div_(self.size)

    def broadcast(self, value: _T) -> _T:
        """Return the first rank's `value`, a tree of plain values and CPU tensors, on all ranks."""
        if self.size == 1:
            return value
        box: list[_T] = [value]
        with _translate_errors():
            dist.broadcast_object_list(box, src=0, device=_CPU)
        return box[0]


@contextmanager
def _translate_errors() -> Generator[None]:
    """Raise LaunchError instead of the backend's error, which means that another process exited."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise LaunchError(
            f"another process of this training run is not responding: {str(error).splitlines()[0]}",
            hint="Start all of them again with --resume to resume from the last checkpoint.",
        ) from None


def read_local_rank() -> int:
    """Return this process's index on its machine; 0 for a single process."""
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextmanager
def join_ranks(device: torch.device) -> Generator[Ranks]:
    """Connect to the other processes if `torchrun` started this one.

    Yield this process's rank and the number of processes; without `torchrun`, rank 0 of 1.
    """
    size = count_processes()
    if size == 1:
        yield Ranks()
        return
    with _translate_errors():
        if device.type == "cuda":
            # gloo broadcasts objects on the CPU; with NCCL they would take memory on every GPU.
            dist.init_process_group("cpu:gloo,cuda:nccl", timeout=_PATIENCE, device_id=device)
        else:
            dist.init_process_group("gloo", timeout=_PATIENCE)
    try:
        yield Ranks(dist.get_rank(), size)
    finally:
        dist.destroy_process_group()
