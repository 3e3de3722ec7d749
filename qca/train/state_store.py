"""The state before each step of an episode, kept on the way there for the way back.

Three recompute plans differ in nothing else:

- `step` (`OnDevice`): every state stays on the device.
- `two-level` (`EveryKth`): every k-th stays, the ones between are made again, k at a time.
- `host` (`InHost`): every state goes to the host's memory and comes back when it is needed.
"""

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

Ahead = Callable[[Tensor, int], Tensor]
"""The state after step t, made of the state before it; without gradients."""


class States(Protocol):
    """Where states are kept; used for one episode after the other, each there and back."""

    def keep(self, t: int, psi: Tensor) -> None:
        """Keep the state before step t; called for t = 0, 1, ..., steps - 1."""
        ...

    def take(self, t: int, ahead: Ahead) -> Tensor:
        """Give back the state before step t, and let go of it; called in the reverse order."""
        ...

    def clear(self) -> None:
        """Let go of everything, where an episode was given up half-way."""
        ...


class OnDevice:
    """Keeps every state on the device."""

    def __init__(self) -> None:
        self._states: list[Tensor] = []

    def keep(self, t: int, psi: Tensor) -> None:
        """Keep the state before step t."""
        self._states.append(psi)

    def take(self, t: int, ahead: Ahead) -> Tensor:
        """Give back the state before step t."""
        return self._states.pop()

    def clear(self) -> None:
        """Let go of everything."""
        self._states.clear()


class EveryKth:
    """Keeps the first state of each segment of k steps, and all of one segment at a time.

    With k the root of the number of steps, about twice that root are alive at most. The
    last segment is kept as it is walked, the others are made again when the way back
    reaches them: one forward step more for nearly each step.
    """

    def __init__(self, steps: int) -> None:
        self.interval = interval(steps)
        self._last_segment = (steps - 1) // self.interval
        self._firsts: list[Tensor] = []
        self._segment: list[Tensor] = []

    def keep(self, t: int, psi: Tensor) -> None:
        """Keep the state before step t, if it is one to keep."""
        segment, within = divmod(t, self.interval)
        if within == 0:
            self._firsts.append(psi)
        elif segment == self._last_segment:
            self._segment.append(psi)

    def take(self, t: int, ahead: Ahead) -> Tensor:
        """Give back the state before step t, after making its segment again if need be."""
        first = t - t % self.interval
        if t == first:
            return self._firsts.pop()
        if not self._segment:
            psi = self._firsts[-1]
            for before in range(first, t):
                psi = ahead(psi, before)
                self._segment.append(psi)
        return self._segment.pop()

    def clear(self) -> None:
        """Let go of everything."""
        self._firsts.clear()
        self._segment.clear()


class InHost:
    """Keeps every state in the host's memory, one buffer for all episodes.

    Where the device is a GPU the buffer is pinned, so that copies there and back are queued
    like kernels and the host waits for none of them.
    """

    def __init__(self, buffer: Tensor) -> None:
        """Keep states in `buffer`, see `host_buffer`."""
        self._buffer = buffer
        self._device = buffer.device

    def keep(self, t: int, psi: Tensor) -> None:
        """Copy the state before step t to the host."""
        self._device = psi.device
        self._buffer[t].copy_(psi, non_blocking=True)

    def take(self, t: int, ahead: Ahead) -> Tensor:
        """Return a copy of the state before step t, on the device."""
        return self._buffer[t].to(self._device, non_blocking=True, copy=True)

    def clear(self) -> None:
        """Let go of nothing: the buffer is for all episodes."""


def interval(steps: int) -> int:
    """Return how many steps lie between two kept states: the root of `steps`, rounded up."""
    return math.isqrt(steps - 1) + 1


def host_buffer(steps: int, like: Tensor) -> Tensor:
    """Return host memory for the states before each of `steps` steps, each like `like`."""
    pinned = like.device.type == "cuda"
    return torch.empty((steps, *like.shape), dtype=like.dtype, pin_memory=pinned)
