"""cuDNN's algorithms chosen by trial: each convolution tries some, and keeps the fastest.

A trial may take no more memory than the allocator is held to, the predicted peak; what it took is
free again afterwards.
"""

import math
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from qca.core.config import TENSOR_CORE_PRECISIONS, TrainConfig

_SECONDS = 10.0
# In strict float32 trials take 1 to 4 s and spare 0.3 s an episode (H200, torch 2.11): fewer
# episodes would not earn them back.
_FEWEST_EPISODES = 50


def are_worthwhile(config: TrainConfig, *, fused: bool) -> bool:
    """Whether a training is long enough, and its convolutions slow enough.

    On tensor cores trials take 12 to 15 s and spare 0.02 s an episode; nor do they gain anything
    where a segment's convolutions are Winograd's by the `fused` kernels.
    """
    strict = config.precision not in TENSOR_CORE_PRECISIONS
    return strict and not fused and config.episodes >= _FEWEST_EPISODES


@contextmanager
def try_algorithms(seconds: float = _SECONDS) -> Generator[None]:
    """Let each new convolution in the block try algorithms; heuristics stay for those too late."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        with _Deadline() as deadline:
            deadline.end = time.monotonic() + seconds
            yield
    finally:
        torch.backends.cudnn.benchmark = before


class _Deadline(TorchDispatchMode):
    """Ends the trials between two operations once the time is up."""

    end = math.inf
    """By the monotonic clock."""

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if time.monotonic() > self.end:
            torch.backends.cudnn.benchmark = False
        return func(*args, **(kwargs or {}))
