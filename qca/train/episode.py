"""An episode and its gradient: many steps from a state, a loss, and back through all of them.

`plain_episode` leaves it to autograd, which keeps what every step needs. `adjoint_episode`
keeps only states, as many as its recompute plan says (see `states`): back through time it
makes one step again at a time, with gradients, and passes the state's gradient on to the
step before. At any moment one step's graph is alive. Both add the same numbers in the same
order.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from qca.model.evolution import Evolution, Step, compute_squared_norm
from qca.model.losses import Loss, compute_energy
from qca.train.state_store import OnDevice, States
from qca.train.step_runner import EagerSteps, Pull, Steps

NoiseFactor = Callable[[Tensor, int], Tensor | None]
"""What a state is multiplied with before step number t, for example `Noise.draw_factor`; the same
when asked again. None is no noise."""

Between = Callable[[], None]
"""Called between two steps, on the way back too; may raise to give the episode up."""


class Outcome(NamedTuple):
    """What an episode gave, averaged over the batch; scalars without gradients."""

    loss: Tensor
    terms: Mapping[str, Tensor]
    energy: Tensor
    """E_T / E_0: what the last Euler step, or the damping of the whole episode, has left."""


class Episode(Protocol):
    """Both kinds of episode can be called like this."""

    def __call__(
        self,
        evolution: Evolution,
        psi: Tensor,
        *,
        steps: int,
        loss: Loss,
        noise: NoiseFactor = ...,
        between: Between = ...,
        scale: float = ...,
    ) -> Outcome:
        """Run from `psi`, complex (B, d_state, H, W); add to each parameter's `.grad`.

        The gradients are those of the loss times `scale`; the outcome is not scaled.
        """
        ...


def no_noise(psi: Tensor, step: int) -> None:
    """Return the factor of a step without noise."""


def _nothing() -> None:
    pass


def plain_episode(
    evolution: Evolution,
    psi: Tensor,
    *,
    steps: int,
    loss: Loss,
    noise: NoiseFactor = no_noise,
    between: Between = _nothing,
    scale: float = 1.0,
) -> Outcome:
    """Run an episode with one autograd graph over all its steps."""
    start, moments = _energy_of(psi), loss.sample_steps(steps)
    seen: dict[int, Step] = {}
    for t in range(steps):
        factor = noise(psi, t)
        step = evolution.advance(psi if factor is None else psi * factor)
        psi = step.psi
        if psi.requires_grad:
            psi.register_hook(lambda gradient: between())
        if t + 1 in moments:
            seen[t + 1] = step
        between()
    total, outcome = _judge(loss, start, [seen[moment] for moment in moments])
    (total if scale == 1 else total * scale).backward()
    return outcome


def adjoint_episode(
    evolution: Evolution,
    psi: Tensor,
    *,
    steps: int,
    loss: Loss,
    noise: NoiseFactor = no_noise,
    between: Between = _nothing,
    scale: float = 1.0,
    states: States | None = None,
    machine: Steps | None = None,
) -> Outcome:
    """Run an episode that keeps states, and one step's graph at a time on the way back.

    Args:
        evolution: the step.
        psi: the state before the first step.
        steps: how many to make.
        loss: what is differentiated.
        noise: see `NoiseFactor`.
        between: see `Between`.
        scale: factor of the gradients.
        states: where the states are kept; on the device if not given.
        machine: how a step is made and differentiated; eagerly if not given.

    """
    states = states or OnDevice()
    machine = machine or EagerSteps(evolution)
    start, moments = _energy_of(psi), frozenset(loss.sample_steps(steps))

    def ahead(psi: Tensor, t: int) -> Tensor:
        again = machine.ahead(psi, noise(psi, t)).psi
        between()
        return again

    try:
        seen = _walk(machine, psi, steps, moments, noise, between, states)
        outcome, pulls = _pulls(loss, start, seen, scale)
        seen.clear()
        gradient: Tensor | None = None
        for t in reversed(range(steps)):
            state = states.take(t, ahead)
            pull = pulls.pop(t + 1, Pull(None, None))
            if gradient is not None:
                # Under its old name, so that the one before is not held through the backward.
                gradient = gradient if pull.psi is None else gradient + pull.psi
                pull = Pull(gradient, pull.weight)
            # The first state is given: nothing asks for its gradient.
            gradient = machine.back(state, noise(state, t), pull, wanted=t > 0)
            between()
    finally:
        states.clear()
    return outcome


def _walk(
    machine: Steps,
    psi: Tensor,
    steps: int,
    moments: frozenset[int],
    noise: NoiseFactor,
    between: Between,
    states: States,
) -> dict[int, Step]:
    """Keep the states, and return the steps that the loss looks at."""
    seen: dict[int, Step] = {}
    for t in range(steps):
        states.keep(t, psi.detach())
        step = machine.ahead(psi, noise(psi, t))
        psi = step.psi
        if t + 1 in moments:
            seen[t + 1] = step
        between()
    return seen


def _pulls(
    loss: Loss, start: Tensor, seen: Mapping[int, Step], scale: float
) -> tuple[Outcome, dict[int, Pull]]:
    """Return the loss's own gradient at each moment that it looks at."""
    leaves = {
        moment: Step(*(part.detach().requires_grad_() for part in step))
        for moment, step in seen.items()
    }
    total, outcome = _judge(loss, start, list(leaves.values()))
    total = total if scale == 1 else total * scale
    flat = [part for leaf in leaves.values() for part in leaf]
    gradients = iter(torch.autograd.grad(total, flat, allow_unused=True))
    return outcome, {moment: Pull(next(gradients), next(gradients)) for moment in leaves}


def _judge(loss: Loss, start: Tensor, seen: list[Step]) -> tuple[Tensor, Outcome]:
    terms = loss.compute_terms(start, seen)
    total = loss.combine(terms).mean()
    means = {name: term.detach().mean() for name, term in terms.items()}
    left = (compute_energy(seen[-1]).detach() / start).mean()
    return total, Outcome(total.detach(), means, left)


def _energy_of(psi: Tensor) -> Tensor:
    return compute_squared_norm(psi).sum(dim=(1, 2, 3))
