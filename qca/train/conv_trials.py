"""Choose cuDNN's algorithms by trial: each convolution tries several and keeps the fastest.

A trial cannot exceed the allocator's limit, which is the predicted peak. Its memory is freed
afterwards.
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
# In strict float32, trials take 1 to 4 s and save 0.3 s per episode (H200, torch 2.11), so they do
# not pay off in a run with fewer episodes than this.
_FEWEST_EPISODES = 50


def are_worthwhile(config: TrainConfig, *, fused: bool) -> bool:
    """Return whether a training run is long enough, and its convolutions slow enough, for trials.

    On tensor cores, trials take 12 to 15 s and save 0.02 s per episode. They also gain nothing if
    the `fused` kernels run a segment's convolutions with Winograd's algorithm.
    """
    strict = config.precision not in TENSOR_CORE_PRECISIONS
    return strict and not fused and config.episodes >= _FEWEST_EPISODES


@contextmanager
def try_algorithms(seconds: float = _SECONDS) -> Generator[None]:
    """Let new convolutions in the block try algorithms for `seconds`; later ones use heuristics."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        with _Deadline() as deadline:
            deadline.end = time.monotonic() + seconds
            yield
    finally:
        torch.backends.cudnn.benchmark = before


class _Deadline(TorchDispatchMode):
    """Stops the trials, between two operations, once the time is up."""

    end = math.inf
    """The time at which the trials stop, on the monotonic clock."""

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
