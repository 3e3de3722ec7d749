"""Why a run has no pictures of its state, and what gets them."""

from qca.report.formatting import count
from qca.runs.run import Run

_NONE = "There are no pictures of the state"
_WHEN = "a training makes them when it is complete, since they take part of an episode's time"

# `qca up` resumes by itself; without the flag `qca train` refuses a run that has been started.
_RESUMED = "(`qca train` with `--resume`)"


def why_no_pictures(run: Run) -> str:
    """Return a few sentences for the page; commands stand between backquotes."""
    match run.status:
        case "complete":
            return (
                f"{_NONE}, although the run is complete: the trainer was stopped while it made "
                "them, or could not and said why. The command that started the run, called again "
                f"{_RESUMED}, makes them and trains no further."
            )
        case "running" | "not begun":
            return f"{_NONE} yet: {_WHEN}."
        case "stopped" | "interrupted":
            return f"{_NONE}: {_WHEN}, and this one made {_how_far(run)}. {_what_gets_them(run)}"


def _how_far(run: Run) -> str:
    return f"{run.done:,} of {count(run.config.episodes, 'episode')}"


def _what_gets_them(run: Run) -> str:
    """Say how to finish; and how to have them now, which takes no training but a checkpoint."""
    finish = f"The command that started it {_RESUMED} goes on to its end and makes them."
    if not run.last_checkpoint:
        return finish
    return (
        f"{finish} With `--episodes {run.last_checkpoint}` added it makes those of the last "
        "checkpoint and trains no further; without it, it goes on from there again."
    )
