"""`qca status`: what is running, and how far the training is."""

import contextlib
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console, RenderableType
from rich.live import Live

from infra.stack.launch_record import Launch, read_launch
from infra.stack.launched_runs import find_launched
from infra.stack.state import StateDir
from infra.stack.state_lock import is_held
from qca.cli.options import RUNS, format_option
from qca.cli.signals import Terminated, raise_on_sigterm
from qca.cli.status_view import render_status
from qca.core.errors import LaunchError
from qca.runs.events import EpisodeRecord
from qca.runs.health import find_fault
from qca.runs.progress import (
    Expectation,
    Progress,
    parse_newest_records,
    read_last_lines,
    summarize_progress,
)

# Reading containers starts Docker's client twice, which would slow a training on the CPU.
_REFRESH_SECONDS = {"local": 1.0, "compose": 3.0}

# States of a trainer's container that trains, or is about to.
_ALIVE = ("created", "running", "restarting", "paused")


@dataclass(frozen=True)
class _Status:
    launch: Launch
    services: Sequence[dict[str, Any]]
    progress: Progress | None
    running: bool

    def build_document(self) -> dict[str, Any]:
        progress = self.progress
        return {
            "schema_version": 1,
            "runtime": self.launch.runtime,
            "project": self.launch.project,
            "run": self.launch.run,
            "services": list(self.services),
            "episodes": self.launch.episodes,
            "last_episode": None if progress is None else progress.newest.model_dump(),
            "memory": None if progress is None else asdict(progress.memory),
            "eta_seconds": None if progress is None else progress.eta_seconds,
        }


@click.command()
@click.argument("run", required=False)
@format_option
@click.option("-w", "--watch", is_flag=True, help="Show it until the training is over.")
def status(run: str | None, format_: str, watch: bool) -> None:
    """Show how far the training RUN is that was launched from this folder.

    RUN may be left out where one was launched.
    """
    if watch and format_ == "json":
        raise click.UsageError(
            "--watch is for people; a script calls `qca status --format json` when it wants to"
        )
    state = find_launched(run).state
    current = _read_status(state)
    if current is None:
        raise LaunchError("it was taken down meanwhile", hint="Start with `qca up`.")
    if format_ == "json":
        click.echo(json.dumps(current.build_document(), indent=2))
        return
    console = Console(highlight=False)
    if watch:
        with contextlib.suppress(Terminated), raise_on_sigterm():
            _watch(state, current, console)
    else:
        console.print(_render(current, console))


def _watch(state: StateDir, current: _Status, console: Console) -> None:
    """Show the status until the training is over, or the stack is taken down."""
    with Live(_render(current, console), console=console, auto_refresh=False) as live:
        while current.running:
            time.sleep(_REFRESH_SECONDS[current.launch.runtime])
            latest = _read_status(state)
            if latest is None:
                return
            current = latest
            live.update(_render(current, console), refresh=True)


def _render(current: _Status, console: Console) -> RenderableType:
    bar = console.is_terminal
    return render_status(current.launch, current.services, current.progress, bar=bar)


def _read_status(state: StateDir) -> _Status | None:
    """Return the status; None if nothing was launched, or it was taken down meanwhile."""
    launch = read_launch(state)
    if launch is None:
        return None
    try:
        return (_read_compose if launch.runtime == "compose" else _read_local)(launch, state)
    except LaunchError:
        if read_launch(state) is None:
            return None
        raise


def _read_compose(launch: Launch, state: StateDir) -> _Status:
    from infra.stack.container_logs import read_recent_trainer_lines
    from infra.stack.containers import describe_services
    from infra.stack.docker_client import make_project_client

    services = describe_services(launch.project) if state.compose_file.exists() else []
    trainer = next((one["state"] for one in services if one["name"] == "trainer"), None)
    if trainer is None:  # `qca up` builds its image, or is being stopped
        return _Status(launch, services, None, running=is_held(state))
    if launch.volume is None:
        records = parse_newest_records(read_last_lines(RUNS / launch.run / "metrics.jsonl"))
    else:
        stack = make_project_client(launch.project)
        records = parse_newest_records(read_recent_trainer_lines(stack))
        records = records or _read_earlier_records(stack, launch.run)
    return _build_status(launch, services, records, running=trainer in _ALIVE)


def _read_earlier_records(stack: Any, run: str) -> list[EpisodeRecord]:
    """Return the newest records from the run folder, for a trainer that has just started."""
    from infra.stack.compose_document import RUNS
    from infra.stack.container_logs import copy_from_trainer

    with tempfile.TemporaryDirectory(prefix="qca-") as folder:
        copy = Path(folder) / "metrics.jsonl"
        with contextlib.suppress(LaunchError):  # the file comes with the first episode
            copy_from_trainer(stack, f"{RUNS}/{run}/metrics.jsonl", copy)
        return parse_newest_records(read_last_lines(copy))


def _read_local(launch: Launch, state: StateDir) -> _Status:
    running = is_held(state)
    run = RUNS / launch.run
    healths = {"store": None, "trainer": _read_health(run, state) if running else None}
    services = [
        {
            "name": name,
            "state": "running" if running else "stopped",
            "health": health,
            "exit_code": None,
        }
        for name, health in healths.items()
    ]
    records = parse_newest_records(read_last_lines(run / "metrics.jsonl"))
    return _build_status(launch, services, records, running=running)


def _read_health(run: Path, state: StateDir) -> str:
    """Return the trainer's health by its heartbeat, in Docker's terms."""
    with contextlib.suppress(OSError):
        if (run / "heartbeat").stat().st_mtime >= state.launch_file.stat().st_mtime:
            return "healthy" if find_fault(run, time.time()) is None else "unhealthy"
    return "starting"


def _build_status(
    launch: Launch, services: list[dict[str, Any]], records: list[EpisodeRecord], *, running: bool
) -> _Status:
    expected = Expectation(
        episodes=launch.episodes,
        device=launch.device,
        predicted_peak_bytes=launch.predicted_peak_bytes,
        context_bytes=launch.context_bytes,
        budget_bytes=launch.budget_bytes,
    )
    progress = summarize_progress(records, expected, running=running)
    return _Status(launch, services, progress, running)
