"""Find the launched run that a command is about, and explain why there is none."""

from contextlib import suppress
from pathlib import Path

from infra.stack.kept_runs import read_kept_runs
from infra.stack.launched_runs import (
    Launched,
    NotLaunchedError,
    SeveralLaunchedError,
    find_launched,
    list_launched,
)
from qca.cli.next_steps import format_resume_command
from qca.cli.options import RUNS
from qca.cli.running_runs import may_be_training
from qca.cli.status_reading import find_kept, read_kept
from qca.core.errors import InputError, LaunchError
from qca.runs.run_folder import list_run_folders


def find_launch(run: str | None, *, usage: str) -> Launched:
    """Return the launched run with that name, or the only one; `usage` is a command that names one.

    Raises:
        LaunchError: no run was launched, or its launch cannot be read.
        InputError: the named run was not launched, or there are several and none is named.

    """
    try:
        return find_launched(run)
    except SeveralLaunchedError as error:
        raise InputError(error.message, hint=f"Name one of these runs: `{usage}`.") from None
    except NotLaunchedError:
        assert run is not None
        raise _build_missing_error(run) from None


def find_training(run: str | None, *, usage: str) -> Launched:
    """Return what `find_launch` returns, or without a name the only run that is training."""
    launched = list_launched()
    if run is None and not launched.damaged:
        training = [one for one in launched.readable.values() if may_be_training(one)]
        if len(training) == 1:
            return training[0]
    return find_launch(run, usage=usage)


def _build_missing_error(run: str) -> InputError:
    """Return the error for a run that was not launched: the run is kept, or it does not exist."""
    if folder := find_kept(run):
        return InputError(
            f"the run {run!r} is kept in {folder}, but not launched", hint=_describe_kept(folder)
        )
    names = _list_names()
    if run in names:
        hint = f"`{format_resume_command(run)}` resumes it."
        return InputError(f"the run {run!r} is kept in a volume, but not launched", hint=hint)
    here = f"The runs here: {', '.join(names)}." if names else "There is no run here."
    return InputError(
        f"no run {run!r} in this folder",
        hint=f"{here} For another, go to the folder where you ran `qca up`.",
    )


def _describe_kept(folder: Path) -> str:
    """Return the next step for a run that is kept in `folder`."""
    status = read_kept(folder)
    if status.running:
        return f"`qca train` is training it; `qca status {folder.name}` shows its progress."
    if status.is_complete:
        return f"It is complete; `qca report {folder.name}` shows it."
    return f"`{format_resume_command(folder.name)}` resumes it."


def _list_names() -> list[str]:
    """Return the names of the runs in this folder: launched, in `runs`, or in a volume."""
    names = {*list_launched().list_names(), *(folder.name for folder in list_run_folders(RUNS))}
    with suppress(LaunchError):
        names |= {launch.run for launch in read_kept_runs()}
    return sorted(names)
