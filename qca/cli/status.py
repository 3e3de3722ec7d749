"""`qca status`: what is running, and how far the training is."""

import contextlib
import json
import time

import click
from rich.console import Console, RenderableType
from rich.live import Live

from infra.stack.launched_runs import find_launched, list_states
from infra.stack.state import StateDir
from qca.cli.launch_words import describe_run_place
from qca.cli.messages import note
from qca.cli.options import format_option
from qca.cli.signals import Terminated, raise_on_sigterm
from qca.cli.status_reading import Status, find_kept, read_kept, read_status
from qca.cli.status_view import render_status
from qca.core.errors import InputError, LaunchError

# Reading containers starts Docker's client twice, which would slow a training on the CPU.
_REFRESH_SECONDS = {"local": 1.0, "compose": 3.0}


@click.command()
@click.argument("run", required=False)
@format_option
@click.option("-w", "--watch", is_flag=True, help="Show it until the training is over.")
def status(run: str | None, format_: str, watch: bool) -> None:
    """Show how far the training RUN is, launched or kept.

    RUN may be left out where there is one.
    """
    if watch and format_ == "json":
        raise click.UsageError(
            "--watch is for people; a script calls `qca status --format json` when it wants to"
        )
    state, current = _find_status(run)
    if format_ == "json":
        click.echo(json.dumps(current.build_document(), indent=2))
        return
    console = Console(highlight=False)
    if watch and state is not None:
        with contextlib.suppress(Terminated), raise_on_sigterm():
            _watch(state, current, console)
    else:
        console.print(_render(current, console))
    if next_step := _describe_next_step(current):
        note(next_step)


def _find_status(run: str | None) -> tuple[StateDir | None, Status]:
    """Return the status of what was launched, with its state folder, or of a run that is kept.

    Raises:
        LaunchError: there is none.
        InputError: there is no such run, or there are several and none is named.

    """
    try:
        state = find_launched(run).state
    except (InputError, LaunchError):
        kept = None if run is None and list_states() else find_kept(run)
        if kept is None:
            raise
        return None, read_kept(kept)
    current = read_status(state)
    if current is None:
        raise LaunchError("it was taken down meanwhile", hint="Start with `qca up`.")
    return state, current


def _describe_next_step(current: Status) -> str:
    """Return what can be done with a run that does not train; empty for one that does."""
    if current.running:
        return ""
    if current.is_complete:
        return describe_run_place(current.run, current.launch and current.launch.volume)
    if current.launch is None:
        return f"It is not launched; `qca up --run {current.run}` goes on with it."
    return ""


def _watch(state: StateDir, current: Status, console: Console) -> None:
    """Show the status until the training is over, or the stack is taken down."""
    with Live(_render(current, console), console=console, auto_refresh=False) as live:
        while current.running:
            time.sleep(_REFRESH_SECONDS[current.launch.runtime if current.launch else "local"])
            latest = read_status(state)
            if latest is None:
                return
            current = latest
            live.update(_render(current, console), refresh=True)


def _render(current: Status, console: Console) -> RenderableType:
    services = current.services if current.launch else None
    return render_status(current.title, services, current.progress, bar=console.is_terminal)
