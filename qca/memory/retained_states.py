"""Count the states that a recompute strategy keeps alive, see `qca.train.state_store`."""

import math
from collections.abc import Collection
from typing import NamedTuple

from qca.core.config import ResolvedRecompute


class RetainedStates(NamedTuple):
    """The number of states that a recompute strategy keeps alive, including the one in use."""

    in_last_step: int
    """Number during the backward of the last step, which runs first."""
    in_earlier_steps: int
    """Maximum during the backward of the earlier steps."""
    in_loss: int
    """Number during the loss's backward, not counting the states of its sample steps."""


def compute_interval(steps: int) -> int:
    """Return how many steps apart `two-level` saves states: the square root, rounded up."""
    return math.isqrt(steps - 1) + 1


def list_stored_states(steps: int, recompute: ResolvedRecompute) -> Collection[int]:
    """Return the steps whose input states the store keeps until the loss's backward.

    The store holds the first `steps` steps. `host` keeps copies, not the states themselves.
    """
    if recompute == "host" or steps == 0:
        return ()
    if recompute == "two-level":
        interval = compute_interval(steps)
        last_first = (steps - 1) // interval * interval
        return frozenset(range(0, steps, interval)) | frozenset(range(last_first, steps))
    return range(steps)


def count_retained_states(
    steps: int, recompute: ResolvedRecompute, *, device: str, segment: int = 1
) -> RetainedStates:
    """Return the numbers for an episode that recomputes its first `steps` steps.

    The backward of a segment takes the states of all its steps out of the store at once.
    """
    if steps == 0:
        return RetainedStates(1, 1, 1)  # the first state, which the caller holds
    if recompute == "two-level":
        return _count_two_level_states(steps, segment)
    if recompute == "host":
        # Counts the first state, which the caller holds, and the copy in use. On a CPU, host memory
        # is device memory.
        count = (1 if device == "cuda" else steps + 1) + segment
        return RetainedStates(count, count, count - segment)
    return RetainedStates(steps, steps - segment, steps)


def _count_two_level_states(steps: int, segment: int) -> RetainedStates:
    """Count the retained states along the backward from the last step, until the numbers repeat."""
    interval = compute_interval(steps)
    firsts = -(-steps // interval)
    between = steps - (firsts - 1) * interval - 1
    in_loss, peaks = firsts + between, [0, 0]
    turn = max(0, steps - 2 * (interval + segment))
    for end in range(steps, turn, -segment):
        for popped, t in enumerate(reversed(range(max(0, end - segment), end))):
            if t % interval and not between:
                between = t % interval
            index = end < steps
            peaks[index] = max(peaks[index], firsts + between + popped)
            if t % interval:
                between -= 1
            else:
                firsts -= 1
    return RetainedStates(peaks[0], peaks[1], in_loss)
