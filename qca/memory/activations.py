"""The peak of an episode's own memory, without weights, gradients and states.

The peak occurs at one of these points, all in the backward of the last two steps:

- in the backward of a step's update, when all of its network's saved tensors are alive;
- inside the network's own backward, where the deepest layers add their weights' gradients, as large
as the weights, to the existing ones;
- in the backward of the loss.

(AdamW's step runs in place, after the episode's own memory has been freed.)

The last step's backward is the first of the episode: the gradients were dropped before it, so it
allocates them. The backward of the step before it adds to existing gradients, but has one fewer
state and, under `none`, one fewer graph.
"""

from collections.abc import Container, Iterator

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
from qca.memory.retained_states import RetainedStates, count_retained_states, list_stored_states
from qca.memory.segment import SegmentSizes
from qca.memory.state_tensors import (
    FIRST_UPDATES,
    FORWARDS,
    UPDATES,
    LossMemory,
    OpMemory,
    StateTensors,
    count_state_bytes,
    get_loss_memory,
)

OUTCOME_SCALARS = (
    5  # the loss, the energy, and at most three terms, see `qca.train.episode.Outcome`
)


@frozen_dataclass
class EpisodeSizes:
    """The sizes in a training configuration that determine its peaks."""

    steps: int
    shape: Shape
    nodes: tuple[Node, ...]
    update: OpMemory
    first_update: OpMemory
    forward: StateTensors
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
            forward=FORWARDS[train.update, train.gamma > 0],
            loss=get_loss_memory(train.loss),
            sample_steps=min(get_max_sample_steps(train.loss), train.steps),
            noise=has_noise(train.max_noise),
        )

    @property
    def cotangents(self) -> int:
        """Bytes of the loss's gradients at its sample steps, except the one that the current step
        receives."""
        return self.count_bytes(max(0, self.sample_steps * self.loss.cotangents - 1))

    @property
    def gradients(self) -> int:
        """Bytes of the gradients of all weights, in `.grad`."""
        return sum(node.gradient for node in self.nodes)

    def count_bytes(self, states: float, cells: float = 0) -> int:
        """Return the bytes of states and of float32 fields with one number per cell."""
        return StateTensors(states, cells).count_bytes(self.shape)

    def get_segment(self, length: int) -> SegmentSizes:
        """Return the sizes of a segment of `length` steps."""
        return SegmentSizes(
            shape=self.shape,
            length=length,
            update=self.update,
            forward=self.forward,
            noise=self.noise,
            sums=self.loss.cotangents > 0,
        )

    def sum_tapes(self, count: int, last: int, *, has_adjoint: bool) -> int:
        """Return the bytes of the tapes of `count` steps up to step `last`, counted from 1.

        If there is no adjoint, the tapes keep autograd's graph.
        """
        if has_adjoint:
            return count * self.get_segment(1).compute_tape()
        # The state before the first of these steps; the caller holds the episode's first state.
        before = self.count_bytes(1) if last > count else 0
        if count == 0:
            return before
        network, noise = sum_kept_bytes(self.nodes), self.count_bytes(2 * self.noise)
        earliest = self.update if last > count else self.first_update
        return (
            before
            + count * (network + noise)
            + earliest.kept.count_bytes(self.shape)
            + (count - 1) * self.update.kept.count_bytes(self.shape)
        )

    def count_samples_apart(
        self, tapes: int, stored: Container[int], *, has_adjoint: bool
    ) -> StateTensors:
        """Return the tensors of the loss's sample steps that nothing else keeps.

        Autograd's graph of a step keeps its input and its result. The adjoint's records are copies.
        A state store keeps the input states of the steps `stored`, which are counted from 0.
        """
        count, recomputed = self.sample_steps, self.steps - tapes
        samples = [self.steps * (index + 1) // count for index in range(count)]
        graphs = tapes if not has_adjoint else 0
        on_graphs = sum(step > self.steps - graphs for step in samples)
        # The result of a step is the input of the next one.
        as_inputs = sum(
            step in stored or (graphs > 0 and step == recomputed)
            for step in samples
            if step <= recomputed
        )
        return StateTensors(count - on_graphs - as_inputs, count - on_graphs)

    def compute_adjoint_peak(self, end: int, size: int, *, has_adjoint: bool, first: bool) -> int:
        """Return the peak of the adjoint of `size` steps up to step `end`, counted from 1.

        See `SegmentSizes.compute_peak` for `first`.
        """
        if not has_adjoint:
            return self.compute_backward_peak(end, first=first) + self.cotangents
        return self.get_segment(size).compute_peak(first=first) + self.cotangents

    def compute_backward_peak(self, step: int, *, first: bool) -> int:
        """Return the peak of one step's graph, its new state and its backward.

        `step` counts from 1; see `layers.compute_backward_peak` for `first`.
        """
        is_first_step = step == 1  # the first psi needs no gradient
        peak = (self.first_update if is_first_step else self.update).peak
        missing = self.gradients if first else 0
        in_update = sum_kept_bytes(self.nodes) + peak.count_bytes(self.shape) - missing
        # Throughout the network's backward, the new state, its incoming gradient, and psi's
        # gradient from the update are alive. The gradient of h is passed into the network.
        alive = self.count_bytes(2 if is_first_step else 3, 5)
        state = count_state_bytes(self.shape)
        in_network = compute_backward_peak(self.nodes, state, first=first)
        if not is_first_step:
            # The gradients of psi's real and imaginary parts become complex and are added.
            in_network = max(in_network, 3 * state)
        return max(in_update, alive + in_network) + self.count_bytes(self.noise)


def estimate_adjoint_memory(
    train: TrainConfig, recompute: ResolvedRecompute, *, device: str, fused: bool
) -> tuple[int, int]:
    """Return the bytes of states and activations if one segment is recomputed at a time.

    `fused` kernels also differentiate single steps as segments.
    """
    episode, length = EpisodeSizes.from_config(train), find_segment(train)
    tapes = find_tapes(train, recompute)
    retained = count_retained_states(train.steps - tapes, recompute, device=device, segment=length)
    state = count_state_bytes(episode.shape)
    # Captured graphs add to gradients that always exist.
    first = device == "cpu"
    # With captured graphs, a tape cannot be autograd's graph: its tensors move.
    has_adjoint = length > 1 or fused or (device == "cuda" and tapes > 0)
    peaks = list(
        _list_backward_peaks(episode, retained, length, tapes, has_adjoint=has_adjoint, first=first)
    )
    taped = episode.sum_tapes(tapes, episode.steps, has_adjoint=has_adjoint)
    at_turn = retained.in_loss * state + taped
    at_turn -= episode.gradients if first else 0
    samples = episode.count_samples_apart(
        tapes, list_stored_states(train.steps - tapes, recompute), has_adjoint=has_adjoint
    )
    in_loss = episode.loss.compute_peak(episode.sample_steps, episode.shape)
    peaks.append(at_turn + samples.count_bytes(episode.shape) + in_loss)
    if tapes and has_adjoint:
        # While the last step is recorded, the earlier samples are alive. Its own result is among
        # the tensors of its update, and its squared norm is replaced by that of the step before.
        earlier = samples._replace(states=samples.states - 1).count_bytes(episode.shape)
        peaks.append(at_turn + earlier + episode.get_segment(1).compute_record_peak())
    states = max(retained) * state
    # The adjoint's records already include the noise.
    noise = episode.noise and not (has_adjoint and tapes == train.steps)
    # Alive until the episode ends: the initial energies of the batch, and the outcome's scalars.
    numbers = (episode.shape.batch_size + OUTCOME_SCALARS) * FLOAT
    return states, max(peaks) - states + episode.count_bytes(noise) + numbers


def find_segment(train: TrainConfig) -> int:
    """Return the number of steps that are differentiated as one batch."""
    return 1 if train.segment == "auto" else min(train.segment, train.steps)


def find_tapes(train: TrainConfig, recompute: ResolvedRecompute) -> int:
    """Return how many of the last steps are not recomputed: all of them, or whole segments."""
    if recompute == "none":
        return train.steps
    if train.tapes == "auto":
        return 0
    if train.tapes >= train.steps:
        return train.steps
    return train.tapes - train.tapes % find_segment(train)


def _list_backward_peaks(
    episode: EpisodeSizes,
    retained: RetainedStates,
    length: int,
    tapes: int,
    *,
    has_adjoint: bool,
    first: bool,
) -> Iterator[int]:
    """Yield the peaks, including states, in the backward of the last two segments.

    Earlier segments have fewer tapes and states.
    """
    state, end = count_state_bytes(episode.shape), episode.steps
    for is_last in (True, False):
        # A captured graph always covers a whole segment.
        size = min(length, end) if first else length
        peak = episode.compute_adjoint_peak(
            end, size, has_adjoint=has_adjoint, first=first and is_last
        )
        taped = tapes - (episode.steps - end)
        if taped > 0:
            left = max(0, taped - size)
            others = episode.sum_tapes(left, end - size, has_adjoint=has_adjoint)
            yield retained.in_loss * state + others + peak
        else:
            is_first_recomputed = is_last or taped + size > 0
            held = retained.in_last_step if is_first_recomputed else retained.in_earlier_steps
            yield held * state + peak
        end -= size
        if end <= 0:
            return
