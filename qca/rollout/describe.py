"""Describe a rollout in one sentence, for its page."""

from qca.automaton.automaton import Automaton
from qca.core.units import format_count
from qca.rollout.request import RolloutRequest


def describe_rollout(automaton: Automaton, request: RolloutRequest, steps: int) -> str:
    """Return a sentence about the rollout and the part that is shown; `steps` have run so far."""
    rows, columns = request.grid
    parts = ["The automaton at an unknown episode"]
    if automaton.episode is not None:
        parts = [f"The automaton after {format_count(automaton.episode, 'episode')}"]
    made = f"{steps:,}" if steps == request.steps else f"{steps:,} of {request.steps:,}"
    parts.append(
        f"{rows}\u00d7{columns} cells of {automaton.config.d_state} components, {made} steps"
    )
    if request.every > 1:
        parts.append(f"a frame every {request.every} steps")
    if request.stride > 1:
        parts.append(f"one in every {request.stride} cells along each axis")
    return f"{'; '.join(parts)}."
