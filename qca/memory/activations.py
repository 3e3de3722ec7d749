"""What an episode holds at its worst moment beside weights, gradients and states.

The worst moment is one of a few, all of them on the way back through the last two steps:

- in the backward of a step's update, when its network's pass is still all there;
- inside of the network's own backward, where the deepest layers add their weights'
  gradients, as large as the weights, to those that are there;
- in the backward of the loss.

(AdamW's step comes when the episode's own memory is free again, and works in place.)

The last step's backward is the first of the episode: the gradients, dropped before it,
are made as it goes. The step before it adds to gradients that are all there, with one
state and, under `none`, one graph less.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from qca.core.config import HALF_PRECISIONS, ResolvedRecompute, TrainConfig
from qca.core.noise_schedule import has_noise
from qca.memory.layers import FLOAT, HALF, Node, Shape, backward_peak, kept_bytes, network
from qca.memory.state_tensors import (
    FIRST_UPDATES,
    LOSSES,
    UPDATES,
    Fields,
    Held,
    Judged,
    state_bytes,
)


@dataclass(frozen=True)
class Episode:
    """The sizes of one training configuration that the moments are made of."""

    steps: int
    shape: Shape
    nodes: list[Node]
    update: Held
    first_update: Held
    loss: Judged
    noise: bool

    @classmethod
    def of(cls, train: TrainConfig) -> "Episode":
        """Read them from the configuration; noise counts if it will ever be applied."""
        element = HALF if train.precision in HALF_PRECISIONS else FLOAT
        shape = Shape(train.grid, train.d_state, train.hidden_channels, train.batch_size, element)
        return cls(
            steps=train.steps,
            shape=shape,
            nodes=network(shape),
            update=UPDATES[train.update, train.gamma > 0],
            first_update=FIRST_UPDATES[train.update, train.gamma > 0],
            loss=LOSSES[train.loss],
            noise=has_noise(train.max_noise),
        )

    @property
    def moments(self) -> int:
        """How many moments the loss looks at."""
        return min(self.loss.moments, self.steps)

    @property
    def pulls(self) -> int:
        """The loss's gradients at its moments, less the one that the step is given."""
        return self.fields(max(0, self.moments * self.loss.pulls - 1))

    def fields(self, states: float, cells: float = 0) -> int:
        """Return the bytes of so many states and so many float32 fields."""
        return Fields(states, cells).bytes(self.shape)

    def graphs(self, steps: int) -> int:
        """Return what autograd keeps of the first so many steps, without psi before and after."""
        if steps <= 0:
            return 0
        network, after = kept_bytes(self.nodes), state_bytes(self.shape)
        start = network + self.first_update.kept.bytes(self.shape) - after
        # Noise multiplies psi with a factor, which is kept for psi's gradient.
        other = network + self.update.kept.bytes(self.shape) - after + self.fields(self.noise)
        return start + (steps - 1) * other

    def backward(self, step: int, *, first: bool, sums: bool = False) -> int:
        """Return the most that one step's graph, its new state and its backward hold.

        `step` counts from 1; see `backward_peak` for `first` and `sums`.
        """
        given = step == 1  # its psi asks for no gradient
        peak = (self.first_update if given else self.update).peak
        missing = sum(node.gradient for node in self.nodes) if first else 0
        in_update = kept_bytes(self.nodes) + peak.bytes(self.shape) - missing
        # Held through the network's backward: the new state, the gradient that arrived at
        # it, and psi's from the update; the gradient of h goes into the network.
        held = self.fields(2 if given else 3, 5)
        in_network = held + backward_peak(
            self.nodes, state_bytes(self.shape), first=first, sums=sums
        )
        return max(in_update, in_network) + self.fields(self.noise)


class Kept(NamedTuple):
    """How many states a recompute plan has alive, the one in work included."""

    at_last: int
    """In the backward of the last step, the first that is made."""
    at_most_later: int
    """In the backward of those before it."""
    at_loss: int
    """Beside those that the loss looks at."""


def kept_states(steps: int, plan: ResolvedRecompute, *, device: str) -> Kept:
    """Return them for an episode of `steps` steps; see `qca.train.state_store`."""
    if plan == "two-level":
        interval = math.isqrt(steps - 1) + 1
        segments = -(-steps // interval)
        last = steps - (segments - 1) * interval
        made_again = segments - 1 + interval - 1 if segments > 1 else 0
        at_last = segments + last - 1
        return Kept(at_last, max(at_last - 1, made_again), at_last)
    if plan == "host":
        # The first state, which the caller holds, and the copy in work; on a CPU the host's
        # memory is the device's.
        count = 2 if device == "cuda" else steps + 2
        return Kept(count, count, count - 1)
    return Kept(steps, steps - 1, steps)


def adjoint_need(train: TrainConfig, plan: ResolvedRecompute, *, device: str) -> tuple[int, int]:
    """Return states and activations of the plans that keep one step's graph at a time."""
    episode, kept = Episode.of(train), kept_states(train.steps, plan, device=device)
    state = state_bytes(episode.shape)
    # Captured graphs add to gradients that are always there.
    first = device == "cpu"
    peak = kept.at_last * state + episode.backward(train.steps, first=first) + episode.pulls
    if train.steps > 1:
        later = episode.backward(train.steps - 1, first=False) + episode.pulls
        peak = max(peak, kept.at_most_later * state + later)
    # The states that the loss looks at are all among those that `step` keeps, but the last.
    seen = episode.fields(1 if plan == "step" else episode.moments, episode.moments)
    missing = sum(node.gradient for node in episode.nodes) if first else 0
    in_loss = seen + episode.loss.peak(episode.moments, episode.shape) - missing
    peak = max(peak, kept.at_loss * state + in_loss)
    states = max(kept) * state
    return states, peak - states + episode.fields(episode.noise)


def plain_activations(train: TrainConfig) -> int:
    """Return them for the plan `none`: the graphs of all steps."""
    episode, steps = Episode.of(train), train.steps
    missing = sum(node.gradient for node in episode.nodes)
    # The last state; and with noise the first and those that the loss looks at, undisturbed.
    ends = episode.fields(1 + episode.noise * episode.moments)
    in_loss = episode.graphs(steps) - missing + episode.loss.peak(episode.moments, episode.shape)
    # The state that the last step made is in `ends` and in `backward`, if the loss looks at it.
    pulls = episode.pulls - min(1, episode.loss.pulls) * state_bytes(episode.shape)
    peak = episode.graphs(steps - 1) + pulls + episode.backward(steps, first=True)
    if steps > 1:
        earlier = episode.graphs(steps - 2)
        peak = max(peak, earlier + pulls + episode.backward(steps - 1, first=False, sums=True))
    return ends + max(in_loss, peak)
