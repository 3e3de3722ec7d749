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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from qca.model.evolution import Evolution, Step, compute_squared_norm
from qca.model.losses import Loss, compute_energy
from qca.model.noise import DrawFactor
from qca.train.segment import Cotangent, StepInput
from qca.train.state_store import DeviceStore, StateStore
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
    runner = runner or EagerRunner(evolution)
    run = _EpisodeRun(
        runner=runner,
        states=states or DeviceStore(),
        draw_factor=noise,
        on_step=on_step,
        segments=tuple(_list_segments(steps, runner.segment)),
        first_recorded=steps - tapes,
    )
    start = _compute_initial_energy(psi)
    try:
        samples = run.forward(psi, frozenset(loss.sample_steps(steps)))
        outcome, cotangents = _loss_cotangents(loss, start, samples, scale)
        del samples  # they would stay alive during the backward pass
        run.backward(cotangents)
    finally:
        run.clear()
    return outcome


@dataclass(frozen=True)
class _EpisodeRun:
    """The forward and the backward pass of one episode, and what the first saves for the second."""

    runner: StepRunner
    states: StateStore
    """The states before the steps that are recomputed."""
    draw_factor: DrawFactor
    on_step: OnStep
    segments: tuple[range, ...]
    first_recorded: int
    """The first step that is recorded on a tape, in a segment that starts with it."""
    tapes: list[Tape] = field(default_factory=list[Tape])
    """The tapes of the recorded segments."""

    def forward(self, psi: Tensor, sample_steps: frozenset[int]) -> dict[int, Step]:
        """Run all steps, save their states or record them, and return those to sample."""
        samples: dict[int, Step] = {}
        for segment in self.segments:
            if segment[0] >= self.first_recorded:
                self.tapes.append(self.runner.make_tape(len(segment), needs_grad=segment[0] > 0))
            for t in segment:
                step = self._run_step(psi, t)
                psi = step.psi
                if t + 1 in sample_steps:
                    samples[t + 1] = step
                self.on_step()
        return samples

    def backward(self, cotangents: dict[int, Cotangent]) -> None:
        """Add to the parameters' gradients; consume the cotangents, the states and the tapes."""
        gradient: Tensor | None = None
        for segment in reversed(self.segments):
            arriving = [cotangents.pop(t + 1, Cotangent(None, None)) for t in segment]
            # Without the None, `gradient` would keep the old tensor alive alongside the sum during
            # the backward pass.
            arriving[-1], gradient = arriving[-1].add(gradient), None
            gradient = self._differentiate(segment, arriving)
            for _ in segment:
                self.on_step()

    def clear(self) -> None:
        """Drop the states and the tapes, which remain after an aborted episode."""
        self.states.clear()
        self.tapes.clear()

    def _run_step(self, psi: Tensor, t: int) -> Step:
        if self.tapes:
            return self.tapes[-1].record(self._make_input(psi, t))
        self.states.save(t, psi.detach())
        return self.runner.forward(self._make_input(psi, t))

    def _differentiate(self, segment: range, cotangents: list[Cotangent]) -> Tensor | None:
        """Return the gradient with respect to the state before the segment."""
        if self.tapes:
            return self.tapes.pop().differentiate(cotangents)
        # The first state is an input, so its gradient is not needed.
        needs_grad = segment[0] > 0
        return self.runner.backward(self._pop_inputs(segment), cotangents, needs_grad=needs_grad)

    def _pop_inputs(self, segment: range) -> list[StepInput]:
        inputs = deque[StepInput]()
        for t in reversed(segment):
            inputs.appendleft(self._make_input(self.states.pop(t, self._recompute), t))
        return list(inputs)

    def _recompute(self, psi: Tensor, t: int) -> Tensor:
        """Return the state after step t."""
        psi_after = self.runner.forward(self._make_input(psi, t)).psi
        self.on_step()
        return psi_after

    def _make_input(self, psi: Tensor, t: int) -> StepInput:
        return StepInput(psi, self.draw_factor(psi, t))


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
