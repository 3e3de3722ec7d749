"""What an episode holds at its worst moment beside weights, gradients and states.

The worst moment is one of a few, all of them on the way back through the last two steps:

- in the backward of a step's update, when its network's pass is still all there;
- inside of the network's own backward, where the deepest layers add their weights'
  gradients, as large as the weights, to those that are there;
- in the backward of the loss;
- in the optimizer's step, when the episode's own memory is free again.

The last step's backward is the first of the episode: the gradients, dropped before it,
are made as it goes. The step before it adds to gradients that are all there, with one
state and, under `none`, one graph less.
"""

from dataclasses import dataclass
from itertools import pairwise

from qca.config import TrainConfig
from qca.memory.fields import (
    FIRST_UPDATES,
    LOSSES,
    SMALLEST_NOISE,
    UPDATES,
    Fields,
    Held,
    Judged,
    state_bytes,
)
from qca.memory.layers import FLOAT, Node, Shape, backward_peak, kept_bytes, network


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
        shape = Shape(train.grid, train.d_state, train.hidden_channels, train.batch_size)
        return cls(
            steps=train.steps,
            shape=shape,
            nodes=network(shape),
            update=UPDATES[train.update, train.gamma > 0],
            first_update=FIRST_UPDATES[train.update, train.gamma > 0],
            loss=LOSSES[train.loss],
            noise=train.max_noise >= SMALLEST_NOISE,
        )

    @property
    def moments(self) -> int:
        """How many moments the loss looks at."""
        return min(self.loss.moments, self.steps)

    @property
    def pulls(self) -> int:
        """The loss's gradients at its moments, less the one that the step is given.

        A loss on the last energy alone hands back none: there the gradient that a step
        is given is as large as the state that was let go before it.
        """
        return self.fields(self.moments * self.loss.pulls - 1)

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
        missing = sum(node.weights for node in self.nodes) if first else 0
        in_update = kept_bytes(self.nodes) + peak.bytes(self.shape) - missing
        # Held through the network's backward: the new state, the gradient that arrived at
        # it, and psi's from the update; the gradient of h goes into the network.
        held = self.fields(2 if given else 3, 5)
        in_network = held + backward_peak(
            self.nodes, state_bytes(self.shape), first=first, sums=sums
        )
        factor = self.fields(self.noise and not given)
        return max(in_update, in_network) + factor


def step_activations(train: TrainConfig) -> int:
    """Return them for the plan `step`: one step's graph at a time."""
    episode = Episode.of(train)
    peak = episode.backward(train.steps, first=True)
    if train.steps > 1:
        peak = max(peak, episode.backward(train.steps - 1, first=False))
    disturbed = episode.fields(episode.noise)
    return episode.pulls + disturbed + peak


def plain_activations(train: TrainConfig) -> int:
    """Return them for the plan `none`: the graphs of all steps."""
    episode, steps = Episode.of(train), train.steps
    missing = sum(node.weights for node in episode.nodes)
    # The last state; and with noise the first and those that the loss looks at, undisturbed.
    ends = episode.fields(1 + episode.noise * episode.moments)
    in_loss = episode.graphs(steps) - missing + episode.loss.peak(episode.moments, episode.shape)
    # The state that the last step made is in `ends` and in `backward`.
    pulls = episode.pulls - state_bytes(episode.shape)
    peak = episode.graphs(steps - 1) + pulls + episode.backward(steps, first=True)
    if steps > 1:
        earlier = episode.graphs(steps - 2)
        peak = max(peak, earlier + pulls + episode.backward(steps - 1, first=False, sums=True))
    return ends + max(in_loss, peak)


def optimizer_activations(tensors: list[int], *, device: str) -> int:
    """Return what AdamW's step holds beside its state; `tensors` are the parameters' elements.

    Square roots of the second moments: torch.optim works on CUDA on all parameters at
    once (`foreach`), elsewhere on one after the other, and there the root and its
    quotient are alive together, beside the quotient of the parameter before.
    """
    if device == "cuda":
        return FLOAT * sum(tensors)
    return FLOAT * max(before + 2 * this for before, this in pairwise([0, *tensors]))
