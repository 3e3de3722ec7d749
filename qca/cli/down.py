"""`qca down`: remove what `qca up` created, and nothing else."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.stack.kept_runs import forget_volumes, keep_run
from infra.stack.launch_record import read_launch
from infra.stack.launched_runs import list_states, raise_errors
from infra.stack.run_storage import name_volume
from infra.stack.state import STATE_FOLDER, StateFolder
from infra.stack.state_lock import stop_holder
from qca.cli.find_launch import find_launch
from qca.cli.messages import note, say
from qca.cli.options import config_flag, config_option, read_config
from qca.cli.take_down import take_down
from qca.core.config import Config
from qca.core.errors import LaunchError

if TYPE_CHECKING:
    from infra.stack.removal import Removed


@click.command()
@click.argument("run", required=False)
@click.option("--all", "all_", is_flag=True, help="All runs launched from this folder.")
@click.option("--volumes", is_flag=True, help="Also remove a volume with runs; never `runs/`.")
@config_flag("stack", "project")
@config_option
def down(
    run: str | None, all_: bool, volumes: bool, config_file: Path | None, **flags: Any
) -> None:
    """Stop RUN and remove what `up` created; `runs/` is kept.

    RUN may be omitted if only one was launched. Containers are found by their labels, even if their
    `qca up` was killed or the folder `.qca` was deleted.
    """
    if run is not None and all_:
        raise click.UsageError(f"--all stops every run, so it cannot be combined with {run}")
    states = _choose_states(run, all_)
    errors = _end_all(states, volumes=volumes)
    if not states:
        _remove_unrecorded(lambda: read_config(config_file, flags), volumes=volumes)
    elif all_:
        _remove_orphans(volumes=volumes)
    raise_errors(errors)


def _choose_states(run: str | None, all_: bool) -> list[StateFolder]:
    """Return the state folders of the runs to stop.

    Raises:
        InputError: RUN was not launched, or several runs were and neither RUN nor --all is given.

    """
    states = list_states()
    if run is not None and run in states:
        return [states[run]]
    if run is not None or (len(states) > 1 and not all_):
        return [find_launch(run, usage="qca down RUN").state]
    return list(states.values())


def _end_all(states: Sequence[StateFolder], *, volumes: bool) -> list[LaunchError]:
    """Stop every run, even if one of them fails; return the errors."""
    errors: list[LaunchError] = []
    for state in states:
        try:
            _end(state, volumes=volumes)
        except LaunchError as error:
            errors.append(error)
    return errors


def _end(state: StateFolder, *, volumes: bool) -> None:
    launch = read_launch(state)
    was_running = stop_holder(state)
    if was_running:
        note("The running `qca up` was stopped.")
    if launch is not None and launch.runtime == "compose":
        removed = _remove_stack(launch.project, volumes=volumes, command=f"qca down {launch.run}")
        if launch.volume is not None and launch.volume not in removed.volumes:
            keep_run(launch)
        _report(launch.project, removed)
    elif launch is not None and not was_running:
        note(f"Nothing to do: {launch.run} is not running. It is kept.")
    state.remove()


def _remove_orphans(*, volumes: bool) -> None:
    """Remove the containers launched from this folder that no record mentions."""
    from infra.stack.removal import find_projects

    try:
        projects = find_projects(STATE_FOLDER)
    except LaunchError as error:
        say(f"Cannot determine whether other containers are left: {error}.")
        return
    for project in projects:
        _report(project, _remove_stack(project, volumes=volumes, command="qca down --all"))


def _remove_unrecorded(read: Callable[[], Config], *, volumes: bool) -> None:
    """Remove the containers launched from this folder when it has no records."""
    from infra.stack.removal import ForeignProjectError, find_projects

    StateFolder(STATE_FOLDER).remove()  # an older version kept the project name there
    try:
        projects = find_projects(STATE_FOLDER)
    except LaunchError as error:
        say(
            "Nothing was launched from this folder. "
            f"Cannot determine whether containers are left: {error}."
        )
        return
    for project in projects or [read().stack.project]:
        try:
            removed = _remove_stack(project, volumes=volumes, command="qca down")
        except ForeignProjectError as error:
            say(f"Nothing was launched from this folder: {error}.")
            continue
        if removed.is_nothing():
            note(f"Nothing to do: nothing was launched from this folder as project {project}.")
        else:
            _report(project, removed)


def _remove_stack(project: str, *, volumes: bool, command: str) -> "Removed":
    """Take a stack down; if its volumes are removed too, remove the record of the runs in them."""
    removed = take_down(project, volumes=volumes, command=command, say=say)
    if volumes:
        forget_volumes({*removed.volumes, name_volume(project)})
    return removed


def _report(project: str, removed: "Removed") -> None:
    note(f"Removed the {project} stack. {_describe_kept(removed)}")


def _describe_kept(removed: "Removed") -> str:
    if removed.volumes:
        return f"Also removed: {_join_volumes(removed.volumes)}. The images and `runs` are kept."
    if removed.kept_volumes:
        return f"The {_join_volumes(removed.kept_volumes)} is kept, and so are the images."
    return "The run is kept, and so are the images."


def _join_volumes(names: Sequence[str]) -> str:
    return f"volume {', '.join(names)}"
