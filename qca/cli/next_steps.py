"""The lines at the end of a command that suggest what to do next with a run."""

from pathlib import Path

from qca.cli.options import RUNS


def describe_complete_run(folder: Path) -> str:
    """Return where the run is, and the commands that show it."""
    run = folder.name if folder.parent == RUNS else str(folder)
    return f"Run folder: {folder}\nAnimate it: qca rollout {run}\nReport on it: qca report {run}"


def describe_resume(*, resume: bool) -> str:
    """Return how to resume a stopped `qca train`, given whether it was called with --resume."""
    return "the same command" if resume else "the same command with --resume"
