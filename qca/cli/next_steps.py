"""What a user can do next with a run, as lines at the end of a command."""

from pathlib import Path

from qca.cli.options import RUNS


def describe_complete_run(folder: Path) -> str:
    """Return where the run is, and the commands that show it."""
    run = folder.name if folder.parent == RUNS else str(folder)
    return (
        f"Run folder: {folder}\nWatch it move: qca rollout {run}\nRead about it: qca report {run}"
    )


def describe_resume(*, resume: bool) -> str:
    """Return what goes on with a stopped `qca train`, which was called with --resume or not."""
    return "the same command" if resume else "the same command with --resume"
