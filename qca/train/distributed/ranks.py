"""Several processes that train one model: `torchrun` starts them, this lets them agree.

Each makes other samples, then gradients and numbers are averaged once an episode, so that
all learn the same. What an episode costs in communication is one all-reduce of the
gradients (NCCL between GPUs, gloo between CPUs).
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

# How long one process waits for another: as long as a whole episode may take on a slow CPU.
_PATIENCE = timedelta(hours=2)
_CPU = torch.device("cpu")

_T = TypeVar("_T")


class Ranks:
    """The processes of this training; a training alone is one rank of one."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank = rank
        self.size = size

    def is_any(self, value: bool, device: torch.device) -> bool:
        """Whether `value` is true on any rank; every rank must ask at the same point."""
        if self.size == 1:
            return value
        flag = torch.tensor(float(value), device=device)
        with _translate_errors():
            dist.all_reduce(flag, dist.ReduceOp.MAX)
            return bool(flag.item())

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its mean over the ranks."""
        if self.size == 1:
            return
        with _translate_errors():
            for tensor in tensors:
                dist.all_reduce(tensor)  # gloo has no average of its own
                tensor.div_(self.size)

    def broadcast(self, value: _T) -> _T:
        """Return the first rank's value on every rank; a tree of plain values and CPU tensors."""
        if self.size == 1:
            return value
        box: list[_T] = [value]
        with _translate_errors():
            dist.broadcast_object_list(box, src=0, device=_CPU)
        return box[0]


@contextmanager
def _translate_errors() -> Generator[None]:
    """Raise LaunchError for a backend's error when another process is gone."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise LaunchError(
            f"another process of this training does not answer: {str(error).splitlines()[0]}",
            hint="All go on from the last checkpoint when they are started again with --resume.",
        ) from None


def read_local_rank() -> int:
    """Return which of this machine's processes this is; 0 alone."""
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextmanager
def join_ranks(device: torch.device) -> Generator[Ranks]:
    """Meet the other processes, if `torchrun` started this one (it sets WORLD_SIZE)."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Ranks()
        return
    with _translate_errors():
        if device.type == "cuda":
            # gloo for what is shared, which would otherwise take its size on every GPU.
            dist.init_process_group("cpu:gloo,cuda:nccl", timeout=_PATIENCE, device_id=device)
        else:
            dist.init_process_group("gloo", timeout=_PATIENCE)
    try:
        yield Ranks(dist.get_rank(), size)
    finally:
        dist.destroy_process_group()
