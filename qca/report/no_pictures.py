"""Explain why a run has no pictures of its state, and how to get them."""

from qca.core.units import format_count
from qca.runs.run import Run

_NONE = "There are no pictures of the state"
_WHEN = (
    "a training run makes them when it is complete, since making them takes part of the time that "
    "an episode takes"
)

# `qca up` resumes automatically; `qca train` needs the flag to resume a run.
_WITH_RESUME = "(`qca train` with `--resume`)"


def explain_no_pictures(run: Run) -> str:
    """Return a few sentences for the page, with commands in backquotes."""
    match run.status:
        case "complete":
            return (
                f"{_NONE}, although the run is complete: the trainer was stopped while making "
                f"them, or failed and logged the reason. Repeat the command that started the "
                f"run {_WITH_RESUME}; it makes the pictures without training further."
            )
        case "running" | "not begun":
            return f"{_NONE} yet: {_WHEN}."
        case "stopped" | "interrupted":
            done = f"this one ran {_format_progress(run)}"
            return f"{_NONE}: {_WHEN}, and {done}. {_describe_next_command(run)}"


def _format_progress(run: Run) -> str:
    return f"{run.episodes_done:,} of {format_count(run.config.episodes, 'episode')}"


def _describe_next_command(run: Run) -> str:
    """Return how to finish the run and, if it has a checkpoint, how to get pictures now."""
    finish = (
        f"Repeat the command that started it {_WITH_RESUME} to finish training and get the "
        "pictures."
    )
    if not run.last_checkpoint:
        return finish
    return (
        f"{finish} Add `--episodes {run.last_checkpoint}` to get those of the last checkpoint "
        "without training further; you can still resume training later without it."
    )
