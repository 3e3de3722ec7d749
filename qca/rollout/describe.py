"""A rollout in one sentence, for the page that shows it."""

from qca.automaton.automaton import Automaton
from qca.core.units import format_count
from qca.rollout.request import RolloutRequest


def describe_rollout(automaton: Automaton, request: RolloutRequest, steps: int) -> str:
    """Return what was run, and what of it is shown; `steps` are those that were made."""
    rows, columns = request.grid
    parts = ["The automaton as it was given"]
    if automaton.episode is not None:
        parts = [f"The automaton after {format_count(automaton.episode, 'episode')}"]
    made = f"{steps:,}" if steps == request.steps else f"{steps:,} of {request.steps:,}"
    parts.append(
        f"{rows}\u00d7{columns} cells of {automaton.config.d_state} components, {made} steps"
    )
    if request.every > 1:
        parts.append(f"a frame every {request.every} steps")
    if request.stride > 1:
        parts.append(f"one of {request.stride} cells along each axis is shown")
    return f"{'; '.join(parts)}."
