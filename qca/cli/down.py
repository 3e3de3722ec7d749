"""`qca down`: remove what `qca up` created, and nothing else."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.stack.state import STATE_DIR, StateDir, read_launch, stop_holder
from qca.cli.messages import say
from qca.cli.options import config_flag, config_option, read_config
from qca.cli.take_down import take_down
from qca.core.errors import LaunchError

if TYPE_CHECKING:
    from infra.stack.removal import Removed


@click.command()
@click.option("--volumes", is_flag=True, help="Also remove a volume with runs; never `runs/`.")
@config_flag("stack", "project")
@config_option
def down(volumes: bool, config_file: Path | None, **flags: Any) -> None:
    """Stop and remove what `up` made; runs are kept, but for --volumes those in a volume.

    Containers are found by their labels, so that those of a `qca up` that was killed, or whose
    folder `.qca` is gone, are found too.
    """
    state = StateDir(STATE_DIR)
    launch = read_launch(state)
    was_running = stop_holder(state)
    if was_running:
        say("The running `qca up` was stopped.")
    if launch is not None and launch.runtime == "local":
        if not was_running:
            say(f"Nothing to do: nothing runs here. The run {launch.run} is kept.")
    else:
        project = launch.project if launch else read_config(config_file, flags).stack.project
        _remove_stack(project, state, volumes=volumes, is_launched=launch is not None)
    state.remove()


def _remove_stack(project: str, state: StateDir, *, volumes: bool, is_launched: bool) -> None:
    try:
        removed = take_down(project, state, volumes=volumes, say=say)
    except LaunchError as error:
        if is_launched or "is taken by" in error.message:
            raise
        say(f"Nothing was launched from this folder, and no engine answers: {error}.")
        return
    if removed.is_nothing() and not is_launched:
        say(f"Nothing to do: nothing was launched from this folder as project {project}.")
    else:
        say(f"Removed the stack {project}. {_describe_kept(removed)}")


def _describe_kept(removed: "Removed") -> str:
    if removed.volumes:
        return f"With the {_join_volumes(removed.volumes)}. The images and `runs` are kept."
    if removed.kept_volumes:
        return f"The {_join_volumes(removed.kept_volumes)} is kept, and so are the images."
    return "The run is kept, and so are the images."


def _join_volumes(names: Sequence[str]) -> str:
    return f"volume {', '.join(names)}"
