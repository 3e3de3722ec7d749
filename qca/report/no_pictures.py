"""Why a run has no pictures of its state, and how to get them."""

from qca.core.units import format_count
from qca.runs.run import Run

_NONE = "There are no pictures of the state"
_WHEN = "a training makes them when it is complete, since they take part of an episode's time"

# `qca up` resumes by itself; without the flag `qca train` refuses a run that has been started.
_WITH_RESUME = "(`qca train` with `--resume`)"


def explain_no_pictures(run: Run) -> str:
    """Return a few sentences for the page; commands stand between backquotes."""
    match run.status:
        case "complete":
            return (
                f"{_NONE}, although the run is complete: the trainer was stopped while it made "
                "them, or could not and said why. The command that started the run, called again "
                f"{_WITH_RESUME}, makes them and trains no further."
            )
        case "running" | "not begun":
            return f"{_NONE} yet: {_WHEN}."
        case "stopped" | "interrupted":
            made = f"this one made {_format_progress(run)}"
            return f"{_NONE}: {_WHEN}, and {made}. {_describe_next_command(run)}"


def _format_progress(run: Run) -> str:
    return f"{run.episodes_done:,} of {format_count(run.config.episodes, 'episode')}"


def _describe_next_command(run: Run) -> str:
    """Return how to finish the run, and with a checkpoint also how to get them right now."""
    finish = f"The command that started it {_WITH_RESUME} goes on to its end and makes them."
    if not run.last_checkpoint:
        return finish
    return (
        f"{finish} With `--episodes {run.last_checkpoint}` added it makes those of the last "
        "checkpoint and trains no further; without it, it goes on from there again."
    )
