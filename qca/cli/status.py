"""`qca status`: show what is running, and the progress of training."""

import contextlib
import json
import time
from collections.abc import Callable
from functools import partial

import click
from rich.console import Console, RenderableType
from rich.live import Live

from infra.stack.launched_runs import NothingLaunchedError
from qca.cli.find_launch import find_training
from qca.cli.launch_words import describe_run_place
from qca.cli.messages import note
from qca.cli.next_steps import format_resume_command
from qca.cli.options import format_option
from qca.cli.signals import Terminated, raise_on_sigterm
from qca.cli.status_reading import Status, find_kept, read_kept, read_status
from qca.cli.status_view import render_status
from qca.core.errors import InputError, LaunchError

# Reading the containers starts Docker's client twice; every second, that would slow a CPU run.
_REFRESH_SECONDS = {"local": 1.0, "compose": 3.0}


@click.command()
@click.argument("run", required=False)
@format_option
@click.option("-w", "--watch", is_flag=True, help="Keep showing it until training ends.")
def status(run: str | None, format_: str, watch: bool) -> None:
    """Show the progress of RUN, launched from this folder or kept in `runs/`.

    RUN may be omitted if there is only one, or only one is training.
    """
    if watch and format_ == "json":
        raise click.UsageError(
            "--watch cannot be combined with --format json; run `qca status --format json` "
            "repeatedly"
        )
    read, current = _find_status(run)
    if format_ == "json":
        click.echo(json.dumps(current.build_document(), indent=2))
        return
    console = Console(highlight=False)
    if watch:
        with contextlib.suppress(Terminated), raise_on_sigterm():
            _watch(read, current, console)
    else:
        console.print(_render(current, console))
    if next_step := describe_next_step(current):
        note(next_step)


def _find_status(run: str | None) -> tuple[Callable[[], Status | None], Status]:
    """Return the status of a launched or kept run, and a function that reads it again.

    Raises:
        LaunchError: there is no run, or its launch is not recorded.
        InputError: the named run does not exist, or none is named and there are several.

    """
    read = _find_reader(run)
    current = read()
    if current is None:
        raise LaunchError("the run was taken down meanwhile", hint="Start with `qca up`.")
    return read, current


def _find_reader(run: str | None) -> Callable[[], Status | None]:
    try:
        return partial(read_status, find_training(run, usage="qca status RUN").state)
    except (InputError, NothingLaunchedError) as error:
        is_ambiguous = run is None and isinstance(error, InputError)
        kept = None if is_ambiguous else find_kept(run)
        if kept is None:
            raise
        return partial(read_kept, kept)


def describe_next_step(current: Status) -> str:
    """Return the next step for a run that is not training, or an empty string."""
    if current.running:
        return ""
    if current.is_complete:
        return describe_run_place(current.run, current.launch and current.launch.volume)
    in_volume = current.launch is not None and current.launch.volume is not None
    episodes = current.episodes if in_volume else None
    command = format_resume_command(current.run, episodes=episodes)
    return f"It is not running; `{command}` resumes it."


def _watch(read: Callable[[], Status | None], current: Status, console: Console) -> None:
    """Show the status until training ends or the stack is taken down."""
    try:
        with Live(_render(current, console), console=console, auto_refresh=False) as live:
            while current.running:
                time.sleep(_REFRESH_SECONDS[current.launch.runtime if current.launch else "local"])
                latest = read()
                if latest is None:
                    return
                current = latest
                live.update(_render(current, console), refresh=True)
    finally:
        # A signal that arrives while `with` is still entering leaves the cursor hidden.
        console.show_cursor()


def _render(current: Status, console: Console) -> RenderableType:
    services = current.services if current.launch else None
    return render_status(current.title, services, current.progress, bar=console.is_terminal)
