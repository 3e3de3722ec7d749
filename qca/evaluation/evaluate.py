"""Run automata from fresh states, and average their losses and measures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from qca.automaton.automaton import Automaton
from qca.automaton.start import LARGEST_GRID
from qca.automaton.stepper import Stepper, iterate_steps, make_stepper
from qca.core.errors import InputError
from qca.measures.over_time import measure_all
from qca.measures.state import State
from qca.model.evolution import Step
from qca.model.initial_state import draw_initial_state
from qca.model.losses import Loss, make_loss
from qca.model.random_streams import Purpose
from qca.runs.evaluation import Evaluation, Statistic, Trial

UNTRAINED = "untrained"

OnSteps = Callable[[int], None]
"""A callback that gets the number of steps since its last call."""


@dataclass(frozen=True)
class Condition:
    """The number of steps and the grid of a trial."""

    name: str
    steps: int
    grid: int


def list_conditions(automaton: Automaton, beyond: int) -> list[Condition]:
    """Return three conditions, or only the first if `beyond` is 1.

    They are the steps and the grid of training, then `beyond` times the steps, and then `beyond`
    times the grid.

    Raises:
        InputError: the larger grid exceeds the limit.

    """
    steps, grid = automaton.config.steps, automaton.config.grid
    if grid * beyond > LARGEST_GRID:
        raise InputError(
            f"{beyond} times the grid is {grid * beyond}; the limit is {LARGEST_GRID}",
            hint=f"Choose --beyond {LARGEST_GRID // grid} or less.",
        )
    conditions = [Condition("as trained", steps, grid)]
    if beyond > 1:
        conditions.append(Condition(f"{beyond}x the steps", beyond * steps, grid))
        conditions.append(Condition(f"{beyond}x the grid", steps, beyond * grid))
    return conditions


def count_steps(conditions: Sequence[Condition], automata: int, states: int) -> int:
    """Return the total number of steps of an evaluation."""
    return automata * states * sum(condition.steps for condition in conditions)


def evaluate(
    automaton: Automaton,
    others: Sequence[Automaton],
    conditions: Sequence[Condition],
    *,
    states: int,
    seed: int,
    on_steps: OnSteps,
) -> Evaluation:
    """Run the automaton, its untrained network and others from fresh states; return the results.

    Automata with the same number of components start from the same states.

    Raises:
        PlanError: the device has too little free memory for one of the conditions.

    """
    loss = make_loss(automaton.config.loss)
    for condition in conditions:  # check all conditions first, since each may run for a long time
        for each in (automaton, *others):
            each.require_memory(condition.grid, held_states=loss.max_sample_steps + 1)
    trials: list[Trial] = []
    for condition in conditions:
        untrained = _run_states(automaton.make_untrained(), loss, condition, states, seed, on_steps)
        for each in (automaton, *others):
            values = _run_states(each, loss, condition, states, seed, on_steps)
            has_same_states = each.config.d_state == automaton.config.d_state
            compared = untrained if has_same_states else None
            trials.append(_make_trial(each.name, condition, values, compared))
        trials.append(_make_trial(UNTRAINED, condition, untrained, None))
    return Evaluation(
        automaton.name, automaton.episode, automaton.config.loss, states, seed, trials
    )


Values = Mapping[str, Sequence[float]]
"""Losses and measures by name, with one value per initial state."""


def _make_trial(name: str, condition: Condition, values: Values, untrained: Values | None) -> Trial:
    difference = None
    if untrained is not None:
        pairs = zip(values["loss"], untrained["loss"], strict=True)
        difference = Statistic.from_values([after - before for after, before in pairs])
    statistics = {key: Statistic.from_values(numbers) for key, numbers in values.items()}
    return Trial(name, condition.name, condition.steps, condition.grid, statistics, difference)


def _run_states(
    automaton: Automaton,
    loss: Loss,
    condition: Condition,
    states: int,
    seed: int,
    on_steps: OnSteps,
) -> Values:
    """Return the results from `states` fresh states, which seed, d_state and grid determine."""
    values: dict[str, list[float]] = {}
    stepper: Stepper | None = None
    for sample in range(states):
        psi = draw_initial_state(
            seed,
            [sample],
            d_state=automaton.config.d_state,
            grid=condition.grid,
            purpose=Purpose.EVALUATION,
        ).to(automaton.device)
        stepper = stepper or make_stepper(automaton.evolution, psi)
        for name, value in _run_state(stepper, loss, psi, condition.steps, on_steps).items():
            values.setdefault(name, []).append(value)
    return values


def _run_state(
    stepper: Stepper, loss: Loss, psi: torch.Tensor, steps: int, on_steps: OnSteps
) -> dict[str, float]:
    """Run one rollout; return the loss, its terms, and the measures of the last state."""
    sample_steps = frozenset(loss.sample_steps(steps))
    start = psi.abs().square().sum(dim=(1, 2, 3))
    sampled: list[Step] = []
    last, before = Step(psi, psi.abs().square().sum(dim=1)), None
    for number, step in enumerate(iterate_steps(stepper, psi, steps), start=1):
        last, before = step, last
        if number in sample_steps:
            sampled.append(step)
        on_steps(1)
    with torch.no_grad():
        terms = loss.compute_terms(start, sampled)
        total = loss.combine(terms)
    previous = _copy_state(before, steps - 1) if before else None
    return {
        "loss": total.item(),
        **{f"loss.{name}": term.item() for name, term in terms.items()},
        **measure_all(_copy_state(last, steps), previous),
    }


def _copy_state(step: Step, number: int) -> State:
    return State(number, step.psi[0].cpu().numpy(), step.squared_norm[0].cpu().numpy())
