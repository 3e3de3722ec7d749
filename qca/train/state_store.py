"""Save the state before each step of an episode in its forward pass, for its backward pass.

The three recompute strategies differ only in this:

- `step` (`DeviceStore`): every state stays on the device.
- `two-level` (`TwoLevelStore`): every k-th state stays on the device; the others are recomputed.
- `host` (`HostStore`): every state is copied to host memory and back when needed.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from qca.memory.retained_states import compute_interval

RunForward = Callable[[Tensor, int], Tensor]
"""A function that computes the state after step t from the state before it, without gradients."""


class StateStore(Protocol):
    """Holds the states of one episode at a time, saved in order and popped in reverse.

    A state is complex (B, d_state, H, W), on the device.
    """

    def save(self, t: int, psi: Tensor) -> None:
        """Save the state before step t; called for t = 0, 1, ..., steps - 1."""
        ...

    def pop(self, t: int, run_forward: RunForward) -> Tensor:
        """Return the state before step t and drop it; called in reverse order."""
        ...

    def clear(self) -> None:
        """Drop every state, after an aborted episode."""
        ...


class DeviceStore:
    """Holds every state on the device."""

    def __init__(self) -> None:
        self._states: list[Tensor] = []

    def save(self, t: int, psi: Tensor) -> None:
        """Save the state before step t."""
        self._states.append(psi)

    def pop(self, t: int, run_forward: RunForward) -> Tensor:
        """Return the state before step t."""
        return self._states.pop()

    def clear(self) -> None:
        """Drop every state."""
        self._states.clear()


class TwoLevelStore:
    """Holds the first state of each segment of k steps, and all states of one segment at a time.

    With k the square root of the number of steps, at most about 2k states are alive. The last
    segment is saved during the forward; the others are recomputed when the backward reaches them,
    so nearly every step runs forward twice.
    """

    def __init__(self, steps: int) -> None:
        self.interval = compute_interval(steps)
        self._last_segment = (steps - 1) // self.interval
        self._firsts: list[Tensor] = []
        self._segment: list[Tensor] = []

    def save(self, t: int, psi: Tensor) -> None:
        """Save the state before step t if it starts a segment or is in the last one."""
        segment, within = divmod(t, self.interval)
        if within == 0:
            self._firsts.append(psi)
        elif segment == self._last_segment:
            self._segment.append(psi)

    def pop(self, t: int, run_forward: RunForward) -> Tensor:
        """Return the state before step t; recompute its segment first if necessary."""
        first = t - t % self.interval
        if t == first:
            return self._firsts.pop()
        if not self._segment:
            psi = self._firsts[-1]
            for earlier in range(first, t):
                psi = run_forward(psi, earlier)
                self._segment.append(psi)
        return self._segment.pop()

    def clear(self) -> None:
        """Drop every state."""
        self._firsts.clear()
        self._segment.clear()


class HostStore:
    """Holds every state in the host's memory, one buffer for all episodes.

    For a GPU the buffer is pinned: copies in both directions are queued like kernels, and the host
    does not wait for them.
    """

    def __init__(self, buffer: Tensor) -> None:
        """Create a store that saves states in `buffer`; see `allocate_host_buffer`."""
        self._buffer = buffer
        self._device = buffer.device

    def save(self, t: int, psi: Tensor) -> None:
        """Copy the state before step t to the host."""
        self._device = psi.device
        self._buffer[t].copy_(psi, non_blocking=True)

    def pop(self, t: int, run_forward: RunForward) -> Tensor:
        """Return a copy of the state before step t, on the device."""
        return self._buffer[t].to(self._device, non_blocking=True, copy=True)

    def clear(self) -> None:
        """Do nothing: all episodes reuse the buffer."""


def make_state_store(recompute: str, steps: int, like: Tensor) -> StateStore:
    """Return the store of a recompute strategy for `steps` states, each like `like`."""
    if steps and recompute == "two-level":
        return TwoLevelStore(steps)
    if recompute == "host":
        return HostStore(allocate_host_buffer(steps, like))
    return DeviceStore()


def allocate_host_buffer(steps: int, like: Tensor) -> Tensor:
    """Return host memory for the states before each of `steps` steps, each like `like`."""
    pinned = like.device.type == "cuda"
    return torch.empty((steps, *like.shape), dtype=like.dtype, pin_memory=pinned)
