"""The peak of an episode's own memory, without weights, gradients and states.

The peak occurs at one of these points, all in the backward of the last two steps:

- in the backward of a step's update, when all of its network's saved tensors are alive;
- inside the network's own backward, where the deepest layers add their weights' gradients, as large
as the weights, to the existing ones;
- in the backward of the loss.

(AdamW's step runs in place, after the episode's own memory has been freed.)

The last step's backward is the first of the episode: the gradients, dropped before it,
are allocated as it runs. The step before it adds to gradients that all exist, with one
state and, under `none`, one graph less.
"""

import math
from typing import NamedTuple

from qca.core.config import HALF_PRECISIONS, ResolvedRecompute, TrainConfig
from qca.core.frozen import frozen_dataclass
from qca.core.losses import get_max_sample_steps
from qca.core.noise_schedule import has_noise
from qca.memory.layers import (
    FLOAT,
    HALF,
    Node,
    Shape,
    compute_backward_peak,
    list_nodes,
    sum_kept_bytes,
)
from qca.memory.segment import SegmentSizes
from qca.memory.state_tensors import (
    FIRST_UPDATES,
    UPDATES,
    LossMemory,
    OpMemory,
    StateTensors,
    count_state_bytes,
    get_loss_memory,
)


@frozen_dataclass
class EpisodeSizes:
    """The sizes in a training configuration that determine its peaks."""

    steps: int
    shape: Shape
    nodes: tuple[Node, ...]
    update: OpMemory
    first_update: OpMemory
    loss: LossMemory
    sample_steps: int
    """The number of steps at which the loss is evaluated."""
    noise: bool

    @classmethod
    def from_config(cls, train: TrainConfig) -> "EpisodeSizes":
        """Read the sizes from the configuration; noise counts if it is ever applied."""
        element = HALF if train.precision in HALF_PRECISIONS else FLOAT
        shape = Shape(train.grid, train.d_state, train.hidden_channels, train.batch_size, element)
        return cls(
            steps=train.steps,
            shape=shape,
            nodes=list_nodes(shape),
            update=UPDATES[train.update, train.gamma > 0],
            first_update=FIRST_UPDATES[train.update, train.gamma > 0],
            loss=get_loss_memory(train.loss),
            sample_steps=min(get_max_sample_steps(train.loss), train.steps),
            noise=has_noise(train.max_noise),
        )

    @property
    def cotangents(self) -> int:
        """Bytes of the loss's gradients at its sample steps, except the gradient passed to the
        step."""
        return self.count_bytes(max(0, self.sample_steps * self.loss.cotangents - 1))

    @property
    def gradients(self) -> int:
        """Bytes of the gradients of all weights, in `.grad`."""
        return sum(node.gradient for node in self.nodes)

    def count_bytes(self, states: float, cells: float = 0) -> int:
        """Return the bytes of these numbers of states and of float32 fields with one number per
        cell."""
        return StateTensors(states, cells).count_bytes(self.shape)

    def compute_segment_peak(self, length: int, *, first: bool) -> int:
        """Return the peak of the adjoint of `length` steps at once, without their states.

        See `SegmentSizes.compute_peak` for `first`.
        """
        segment = SegmentSizes(self.shape, length, self.update, self.noise)
        return segment.compute_peak(first=first) + self.cotangents

    def sum_graphs(self, steps: int) -> int:
        """Return the bytes that autograd saves for the first steps, without the outer psi."""
        if steps <= 0:
            return 0
        network, after = sum_kept_bytes(self.nodes), count_state_bytes(self.shape)
        first = network + self.first_update.kept.count_bytes(self.shape) - after
        # Noise multiplies psi by a factor, which is saved for psi's gradient.
        later = network + self.update.kept.count_bytes(self.shape) - after
        return first + (steps - 1) * (later + self.count_bytes(self.noise))

    def compute_backward_peak(self, step: int, *, first: bool, sums: bool = False) -> int:
        """Return the peak of one step's graph, its new state and its backward.

        `step` counts from 1; see `layers.compute_backward_peak` for `first` and `sums`.
        """
        is_first_step = step == 1  # the first psi needs no gradient
        peak = (self.first_update if is_first_step else self.update).peak
        missing = self.gradients if first else 0
        in_update = sum_kept_bytes(self.nodes) + peak.count_bytes(self.shape) - missing
        # Alive throughout the network's backward are the new state, its incoming gradient, and
        # psi's gradient from the update; the gradient of h is passed into the network.
        alive = self.count_bytes(2 if is_first_step else 3, 5)
        in_network = alive + compute_backward_peak(
            self.nodes, count_state_bytes(self.shape), first=first, sums=sums
        )
        return max(in_update, in_network) + self.count_bytes(self.noise)


class RetainedStates(NamedTuple):
    """The number of states that a recompute strategy keeps alive, including the one in use."""

    in_last_step: int
    """Number during the backward of the last step, which runs first."""
    in_earlier_steps: int
    """Maximum during the backward of the earlier steps."""
    in_loss: int
    """Number during the loss's backward, without its sample steps."""


def compute_interval(steps: int) -> int:
    """Return the steps between two states saved by `two-level`: the square root, rounded up."""
    return math.isqrt(steps - 1) + 1


def count_retained_states(
    steps: int, recompute: ResolvedRecompute, *, device: str, segment: int = 1
) -> RetainedStates:
    """Return the numbers for an episode of `steps` steps; see `qca.train.state_store`.

    A segment takes the states of all its steps out of the store at once.
    """
    if recompute == "two-level":
        return _count_two_level_states(steps, segment)
    if recompute == "host":
        # Counts the first state, which the caller holds, and the copy in use. On a CPU, host memory
        # is device memory.
        count = (1 if device == "cuda" else steps + 1) + segment
        return RetainedStates(count, count, count - segment)
    return RetainedStates(steps, steps - segment, steps)


def _count_two_level_states(steps: int, segment: int) -> RetainedStates:
    """Return the peaks of the backward from the last step on, until they repeat."""
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


def estimate_adjoint_memory(
    train: TrainConfig, recompute: ResolvedRecompute, *, device: str, fused: bool = False
) -> tuple[int, int]:
    """Return the bytes of states and activations if one segment's graph is alive at a time.

    `fused` kernels also differentiate single steps as segments.
    """
    episode, length = EpisodeSizes.from_config(train), find_segment(train)
    retained = count_retained_states(train.steps, recompute, device=device, segment=length)
    state = count_state_bytes(episode.shape)
    # Captured graphs add to gradients that always exist.
    first = device == "cpu"
    if length > 1 or fused:
        peak = _compute_segments_peak(episode, retained, length, first=first)
    else:
        peak = _compute_steps_peak(episode, retained, first=first)
    # `step` keeps all states that the loss samples, except the last.
    samples = episode.sample_steps
    sampled = episode.count_bytes(1 if recompute == "step" else samples, samples)
    missing = episode.gradients if first else 0
    in_loss = sampled + episode.loss.compute_peak(samples, episode.shape) - missing
    peak = max(peak, retained.in_loss * state + in_loss)
    states = max(retained) * state
    return states, peak - states + episode.count_bytes(episode.noise)


def find_segment(train: TrainConfig) -> int:
    """Return the number of steps that are differentiated as one batch."""
    return 1 if train.segment == "auto" else min(train.segment, train.steps)


def _compute_steps_peak(episode: EpisodeSizes, retained: RetainedStates, *, first: bool) -> int:
    """Return the peak of the backward of the last two steps, with the states."""
    state, steps = count_state_bytes(episode.shape), episode.steps
    in_last = episode.compute_backward_peak(steps, first=first) + episode.cotangents
    peak = retained.in_last_step * state + in_last
    if steps == 1:
        return peak
    in_earlier = episode.compute_backward_peak(steps - 1, first=False) + episode.cotangents
    return max(peak, retained.in_earlier_steps * state + in_earlier)


def _compute_segments_peak(
    episode: EpisodeSizes, retained: RetainedStates, length: int, *, first: bool
) -> int:
    """Return the peak of the backward of the last segment or of the one before, with the states."""
    state, before = count_state_bytes(episode.shape), episode.steps - length
    peak = retained.in_last_step * state + episode.compute_segment_peak(length, first=first)
    if before <= 0:
        return peak
    # A captured graph always covers a whole segment.
    next_length = min(length, before) if first else length
    in_earlier = episode.compute_segment_peak(next_length, first=False)
    return max(peak, retained.in_earlier_steps * state + in_earlier)


def estimate_plain_activations(train: TrainConfig) -> int:
    """Return the bytes of activations under `none` (plain autograd): the graphs of all steps."""
    episode, steps = EpisodeSizes.from_config(train), train.steps
    # The last state is alive; with noise also the first and the sampled states without their noise.
    ends = episode.count_bytes(1 + episode.noise * episode.sample_steps)
    in_loss = episode.sum_graphs(steps) - episode.gradients
    in_loss += episode.loss.compute_peak(episode.sample_steps, episode.shape)
    # The last step's state is in `ends` and in its backward's peak, if the loss returns its
    # gradient.
    cotangents = episode.cotangents
    cotangents -= min(1, episode.loss.cotangents) * count_state_bytes(episode.shape)
    peak = episode.sum_graphs(steps - 1) + episode.compute_backward_peak(steps, first=True)
    if steps > 1:
        in_earlier = episode.compute_backward_peak(steps - 1, first=False, sums=True)
        peak = max(peak, episode.sum_graphs(steps - 2) + in_earlier)
    return ends + max(in_loss, peak + cotangents)
