"""Run an episode and compute its gradient: many steps, a loss, and a backward pass.

`plain_episode` leaves the gradient to autograd, which saves tensors for every step.
`adjoint_episode` saves only states; the recompute strategy decides how many (see `state_store`).
Its backward pass recomputes one step, or a segment of several steps (see `segment`), with
gradients, and then passes the state's gradient to the step before. Only one segment's graph is
alive at a time, apart from those of the last steps if tapes keep them (see `tape`). Both functions
add up the same numbers; on a CPU with segments of one step, they even do so in the same order.
"""

# torch's annotations are incomplete.
# pyright: reportUnknownMemberType=false
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from qca.model.evolution import Evolution, Step, compute_squared_norm
from qca.model.losses import Loss, compute_energy
from qca.model.noise import DrawFactor
from qca.train.segment import Cotangent, StepInput
from qca.train.state_store import DeviceStore, RunForward, StateStore
from qca.train.step_runner import EagerRunner, StepRunner
from qca.train.tape import Tape

OnStep = Callable[[], None]
"""A function called after each step, forward and backward; it may raise to abort the episode."""


class Outcome(NamedTuple):
    """The results of an episode, averaged over the batch; scalars without gradients."""

    loss: Tensor
    terms: Mapping[str, Tensor]
    energy: Tensor
    """E_T / E_0: the share of the energy that is left after the last Euler step, or, with damping,
    after the whole episode."""


class Episode(Protocol):
    """The signature of the two episode functions."""

    def __call__(
        self,
        evolution: Evolution,
        psi: Tensor,
        *,
        steps: int,
        loss: Loss,
        noise: DrawFactor = ...,
        on_step: OnStep = ...,
        scale: float = ...,
    ) -> Outcome:
        """Run an episode from `psi`, complex (B, d_state, H, W); add to each parameter's `.grad`.

        The gradients are those of the loss times `scale`; the outcome is not scaled.
        """
        ...


def draw_no_noise(psi: Tensor, step: int) -> None:
    """Return None: the step has no noise."""


def _ignore_step() -> None:
    pass


def plain_episode(
    evolution: Evolution,
    psi: Tensor,
    *,
    steps: int,
    loss: Loss,
    noise: DrawFactor = draw_no_noise,
    on_step: OnStep = _ignore_step,
    scale: float = 1.0,
) -> Outcome:
    """Run an episode with one autograd graph over all its steps."""
    start, sample_steps = _compute_initial_energy(psi), loss.sample_steps(steps)
    samples: dict[int, Step] = {}

    def report_backward(_: Tensor) -> None:
        on_step()

    for t in range(steps):
        factor = noise(psi, t)
        step = evolution.advance(psi if factor is None else psi * factor)
        psi = step.psi
        if psi.requires_grad:
            psi.register_hook(report_backward)
        if t + 1 in sample_steps:
            samples[t + 1] = step
        on_step()
    total, outcome = _evaluate_loss(loss, start, [samples[t] for t in sample_steps])
    (total if scale == 1 else total * scale).backward()
    return outcome


def adjoint_episode(
    evolution: Evolution,
    psi: Tensor,
    *,
    steps: int,
    loss: Loss,
    noise: DrawFactor = draw_no_noise,
    on_step: OnStep = _ignore_step,
    scale: float = 1.0,
    states: StateStore | None = None,
    runner: StepRunner | None = None,
    tapes: int = 0,
) -> Outcome:
    """Run an episode that saves only states; its backward holds one segment's graph at a time.

    Args:
        evolution: the step.
        psi: the state before the first step.
        steps: the number of steps to run.
        loss: the loss to differentiate.
        noise: see `DrawFactor`.
        on_step: see `OnStep`.
        scale: the factor by which the gradients are multiplied.
        states: saves the states; by default on the device.
        runner: runs a step forward and backward; by default eagerly.
        tapes: how many of the last steps are not recomputed; this covers either all steps or a
            whole number of segments.

    """
    states = states or DeviceStore()
    runner = runner or EagerRunner(evolution)
    start, sample_steps = _compute_initial_energy(psi), frozenset(loss.sample_steps(steps))

    def recompute(psi: Tensor, t: int) -> Tensor:
        psi_after = runner.forward(StepInput(psi, noise(psi, t))).psi
        on_step()
        return psi_after

    segments = list(_list_segments(steps, runner.segment))
    recorded: list[Tape] = []
    try:
        samples = _run_forward(
            runner, psi, segments, sample_steps, noise, on_step, states, recorded, steps - tapes
        )
        outcome, cotangents = _loss_cotangents(loss, start, samples, scale)
        samples.clear()
        gradient: Tensor | None = None
        for segment in reversed(segments):
            arriving = [cotangents.pop(t + 1, Cotangent(None, None)) for t in segment]
            # Without the None, `gradient` would keep the old tensor alive alongside the sum during
            # the backward pass.
            arriving[-1], gradient = arriving[-1].add(gradient), None
            if recorded:
                gradient = recorded.pop().differentiate(arriving)
            else:
                gradient = runner.backward(
                    _pop_starts(segment, states, recompute, noise),
                    arriving,
                    # The first state is an input, so its gradient is not needed.
                    needs_grad=segment[0] > 0,
                )
            for _ in segment:
                on_step()
    finally:
        states.clear()
        recorded.clear()
    return outcome


def _run_forward(
    runner: StepRunner,
    psi: Tensor,
    segments: Sequence[range],
    sample_steps: frozenset[int],
    noise: DrawFactor,
    on_step: OnStep,
    states: StateStore,
    recorded: list[Tape],
    first_recorded: int,
) -> dict[int, Step]:
    """Run all steps, and return those that the loss samples.

    Save the state before each step; from `first_recorded` on, record the steps instead.
    """
    samples: dict[int, Step] = {}
    for segment in segments:
        if segment[0] >= first_recorded:
            recorded.append(runner.make_tape(len(segment), needs_grad=segment[0] > 0))
        for t in segment:
            if recorded:
                step = recorded[-1].record(StepInput(psi, noise(psi, t)))
            else:
                states.save(t, psi.detach())
                step = runner.forward(StepInput(psi, noise(psi, t)))
            psi = step.psi
            if t + 1 in sample_steps:
                samples[t + 1] = step
            on_step()
    return samples


def _pop_starts(
    segment: range, states: StateStore, recompute: RunForward, noise: DrawFactor
) -> list[StepInput]:
    """Return the inputs of a segment's steps."""
    starts = deque[StepInput]()
    for t in reversed(segment):
        state = states.pop(t, recompute)
        starts.appendleft(StepInput(state, noise(state, t)))
    return list(starts)


def _list_segments(steps: int, length: int) -> Iterator[range]:
    """Yield the steps of each segment, in order; the first segment may be shorter."""
    for end in range(steps % length or length, steps + 1, length):
        yield range(max(0, end - length), end)


def _loss_cotangents(
    loss: Loss, start: Tensor, samples: Mapping[int, Step], scale: float
) -> tuple[Outcome, dict[int, Cotangent]]:
    """Return the outcome, and the loss's gradient at each step that the loss samples."""
    leaves = {
        t: Step(*(part.detach().requires_grad_() for part in step)) for t, step in samples.items()
    }
    total, outcome = _evaluate_loss(loss, start, list(leaves.values()))
    total = total if scale == 1 else total * scale
    flat = [part for leaf in leaves.values() for part in leaf]
    gradients = iter(torch.autograd.grad(total, flat, allow_unused=True))
    return outcome, {t: Cotangent(next(gradients), next(gradients)) for t in leaves}


def _evaluate_loss(loss: Loss, start: Tensor, samples: list[Step]) -> tuple[Tensor, Outcome]:
    terms = loss.compute_terms(start, samples)
    total = loss.combine(terms).mean()
    means = {name: term.detach().mean() for name, term in terms.items()}
    remaining_energy = (compute_energy(samples[-1]).detach() / start).mean()
    return total, Outcome(total.detach(), means, remaining_energy)


def _compute_initial_energy(psi: Tensor) -> Tensor:
    return compute_squared_norm(psi).sum(dim=(1, 2, 3))
