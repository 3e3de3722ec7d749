"""Suggest the next commands for a run, at the end of a command's output."""

from importlib.util import find_spec
from pathlib import Path

from qca.cli.options import RUNS


def describe_complete_run(folder: Path) -> str:
    """Return the location of the run and the commands that show it."""
    animate = f"Animate it: qca rollout {_name_run(folder)}{_describe_missing('torch')}"
    return f"Run folder: {folder}\n{animate}\n{describe_report(folder)}"


def describe_report(folder: Path) -> str:
    """Return the command that writes the report about a run."""
    return f"Report on it: qca report {_name_run(folder)}{_describe_missing('matplotlib')}"


def format_resume_command(run: str, *, episodes: int | None = None) -> str:
    """Return the command that resumes a run, which keeps its settings if it is in `runs`.

    For a run in a volume, which a plan cannot read, give its number of `episodes`.
    """
    return f"qca up --run {run}" + (f" --episodes {episodes}" if episodes else "")


def describe_resume(*, resume: bool) -> str:
    """Return how to resume a stopped `qca train`; `resume` is true if it was given --resume."""
    return "the same command" if resume else "the same command with --resume"


def _name_run(folder: Path) -> str:
    """Return the argument that names a run to a command: its name, or its folder elsewhere."""
    return folder.name if folder.parent == RUNS else str(folder)


def _describe_missing(package: str) -> str:
    """Return a remark if a command cannot run yet; containers train without these packages."""
    if find_spec(package):
        return ""
    return f" (needs {package}, which is not installed here; the command says how to install it)"
