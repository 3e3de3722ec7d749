"""An episode and its gradient: many steps from a state, a loss, and back through all of them.

`plain_episode` leaves it to autograd, which keeps what every step needs. `adjoint_episode`
keeps only the states: back through time it makes one step again at a time, with gradients,
and passes the state's gradient on to the step before. At any moment one step's graph is
alive. Both add the same numbers in the same order.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from qca.model.evolution import Evolution, Step, cell_weight
from qca.model.losses import Loss, energy

Disturb = Callable[[Tensor, int], Tensor]
"""What happens to a state before step number t, for example `Noise`; the same when asked again."""

Between = Callable[[], None]
"""Called between two steps, on the way back too; may raise to give the episode up."""


class Outcome(NamedTuple):
    """What an episode gave, averaged over the batch; scalars without gradients."""

    loss: Tensor
    terms: Mapping[str, Tensor]
    energy: Tensor
    """E_T / E_0: what the last Euler step, or the damping of the whole episode, has left."""


class Episode(Protocol):
    """Both kinds of episode are called like this."""

    def __call__(
        self,
        evolution: Evolution,
        psi: Tensor,
        *,
        steps: int,
        loss: Loss,
        disturb: Disturb = ...,
        between: Between = ...,
    ) -> Outcome:
        """Run from `psi`, complex (B, d_state, H, W); add to each parameter's `.grad`."""
        ...


def _undisturbed(psi: Tensor, step: int) -> Tensor:
    return psi


def _nothing() -> None:
    pass


def plain_episode(
    evolution: Evolution,
    psi: Tensor,
    *,
    steps: int,
    loss: Loss,
    disturb: Disturb = _undisturbed,
    between: Between = _nothing,
) -> Outcome:
    """Run an episode with one autograd graph over all its steps."""
    start, moments = _energy_of(psi), loss.looks_at(steps)
    seen: dict[int, Step] = {}
    for t in range(steps):
        step = evolution.advance(disturb(psi, t))
        psi = step.psi
        if psi.requires_grad:
            psi.register_hook(lambda gradient: between())
        if t + 1 in moments:
            seen[t + 1] = step
        between()
    total, outcome = _judge(loss, start, [seen[moment] for moment in moments])
    total.backward()
    return outcome


def adjoint_episode(
    evolution: Evolution,
    psi: Tensor,
    *,
    steps: int,
    loss: Loss,
    disturb: Disturb = _undisturbed,
    between: Between = _nothing,
) -> Outcome:
    """Run an episode that keeps its states, and one step's graph at a time on the way back."""
    start, moments = _energy_of(psi), loss.looks_at(steps)
    states, seen = _walk(evolution, psi, steps, frozenset(moments), disturb, between)
    outcome, pulls = _pulls(loss, start, seen)
    seen.clear()
    gradient: Tensor | None = None
    for t in reversed(range(steps)):
        gradient = _step_back(evolution, states.pop(), t, disturb, gradient, pulls.pop(t + 1, None))
        between()
    return outcome


@torch.no_grad()
def _walk(
    evolution: Evolution,
    psi: Tensor,
    steps: int,
    moments: frozenset[int],
    disturb: Disturb,
    between: Between,
) -> tuple[list[Tensor], dict[int, Step]]:
    """Return the state before each step, and the steps that the loss looks at."""
    states: list[Tensor] = []
    seen: dict[int, Step] = {}
    for t in range(steps):
        states.append(psi.detach())
        step = evolution.advance(disturb(psi, t))
        psi = step.psi
        if t + 1 in moments:
            seen[t + 1] = step
        between()
    return states, seen


class _Pull(NamedTuple):
    """The loss's own gradient at one moment; None where it does not look."""

    psi: Tensor | None
    weight: Tensor | None


def _pulls(loss: Loss, start: Tensor, seen: Mapping[int, Step]) -> tuple[Outcome, dict[int, _Pull]]:
    leaves = {
        moment: Step(*(part.detach().requires_grad_() for part in step))
        for moment, step in seen.items()
    }
    total, outcome = _judge(loss, start, list(leaves.values()))
    flat = [part for leaf in leaves.values() for part in leaf]
    gradients = iter(torch.autograd.grad(total, flat, allow_unused=True))
    return outcome, {moment: _Pull(next(gradients), next(gradients)) for moment in leaves}


def _step_back(
    evolution: Evolution,
    state: Tensor,
    t: int,
    disturb: Disturb,
    gradient: Tensor | None,
    pull: _Pull | None,
) -> Tensor | None:
    """Make step t again, go back through it, and return the gradient of the state before it.

    The step's graph is gone when this returns.
    """
    state.requires_grad_(t > 0)  # the first state is given: nothing asks for its gradient
    _pull_back(evolution.advance(disturb(state, t)), gradient, pull)
    return state.grad


def _pull_back(step: Step, gradient: Tensor | None, pull: _Pull | None) -> None:
    """Go back through one step's graph, from the later steps' gradient and the loss's own."""
    pull = pull or _Pull(None, None)
    if gradient is not None and pull.psi is not None:
        gradient = gradient + pull.psi
    elif gradient is None:
        gradient = pull.psi
    roots = [(step.psi, gradient), (step.weight, pull.weight)]
    given = [(root, pulled) for root, pulled in roots if pulled is not None]
    if given:
        torch.autograd.backward([root for root, _ in given], [pulled for _, pulled in given])


def _judge(loss: Loss, start: Tensor, seen: list[Step]) -> tuple[Tensor, Outcome]:
    terms = loss.terms(start, seen)
    total = loss.total(terms).mean()
    means = {name: term.detach().mean() for name, term in terms.items()}
    left = (energy(seen[-1]).detach() / start).mean()
    return total, Outcome(total.detach(), means, left)


def _energy_of(psi: Tensor) -> Tensor:
    return cell_weight(psi).sum(dim=(1, 2, 3))
