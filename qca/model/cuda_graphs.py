"""Capture CUDA graphs: warm up the operations, then record them and their results."""

# torch's annotations are incomplete.
# pyright: reportUnknownMemberType=false
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch

_WARM_UP = 3  # warm-up passes before a capture, as in torch's documentation of CUDA graphs

T = TypeVar("T")


@dataclass(frozen=True)
class Captured(Generic[T]):
    """A captured graph, and its results at fixed addresses."""

    graph: torch.cuda.CUDAGraph
    results: T

    def replay(self) -> T:
        """Run the operations again; the next replay overwrites the results."""
        self.graph.replay()
        return self.results


def warm_up(run: Callable[[], object]) -> None:
    """Call `run` a few times on a side stream, then free the memory that this took."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UP):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    torch.cuda.synchronize()
    torch._C._cuda_clearCublasWorkspaces()  # pyright: ignore[reportPrivateUsage] # as documented
    torch.cuda.empty_cache()  # the warm-up's memory would remain next to the graphs' pool


class GraphPool:
    """Memory that several captured graphs share."""

    def __init__(self) -> None:
        self._handle = torch.cuda.graph_pool_handle()

    def capture(self, run: Callable[[], T]) -> Captured[T]:
        """Capture the operations of `run`.

        Raises:
            RuntimeError: this device, driver or operation cannot be captured.

        """
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._handle):
            results = run()
        return Captured(graph, results)
