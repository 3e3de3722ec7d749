"""Suggest the next commands for a run, at the end of a command's output."""

from pathlib import Path

from qca.cli.options import RUNS


def describe_complete_run(folder: Path) -> str:
    """Return the location of the run and the commands that show it."""
    run = folder.name if folder.parent == RUNS else str(folder)
    return f"Run folder: {folder}\nAnimate it: qca rollout {run}\nReport on it: qca report {run}"


def describe_resume(*, resume: bool) -> str:
    """Return how to resume a stopped `qca train`; `resume` is true if it was given --resume."""
    return "the same command" if resume else "the same command with --resume"
