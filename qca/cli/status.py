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

from infra.stack.state import STATE_DIR, Launch, StateDir, read_holder, read_launch
from qca.cli.options import format_option
from qca.cli.signals import Terminated, raise_on_sigterm
from qca.cli.status_view import view
from qca.core.errors import LaunchError
from qca.runs.events import EpisodeRecord
from qca.runs.health import unhealthy_because
from qca.runs.progress import Expected, Standing, last_lines, newest_records, standing

# A look at containers starts Docker's client twice, which a CPU that trains would feel.
_SECONDS_BETWEEN_LOOKS = {"local": 1.0, "compose": 3.0}

# A trainer's container in one of these states trains, or is about to.
_ALIVE = ("created", "running", "restarting", "paused")


@dataclass(frozen=True)
class _Seen:
    launch: Launch
    services: Sequence[dict[str, Any]]
    standing: Standing | None
    running: bool

    def document(self) -> dict[str, Any]:
        found = self.standing
        return {
            "schema_version": 1,
            "runtime": self.launch.runtime,
            "project": self.launch.project,
            "run": self.launch.run,
            "services": list(self.services),
            "episodes": self.launch.episodes,
            "last_episode": None if found is None else found.newest.model_dump(),
            "memory": None if found is None else asdict(found.memory),
            "eta_seconds": None if found is None else found.eta_seconds,
        }


@click.command()
@format_option
@click.option("-w", "--watch", is_flag=True, help="Show it until the training is over.")
def status(format_: str, watch: bool) -> None:
    """Show what was launched from this folder, and how far its training is."""
    if watch and format_ == "json":
        raise click.UsageError(
            "--watch is for people; a script calls `qca status --format json` when it wants to"
        )
    state = StateDir(STATE_DIR)
    seen = _look(state)
    if seen is None:
        raise LaunchError("nothing was launched from this folder", hint="Start with `qca up`.")
    if format_ == "json":
        click.echo(json.dumps(seen.document(), indent=2))
        return
    console = Console(highlight=False)
    if watch:
        with contextlib.suppress(Terminated), raise_on_sigterm():
            _watch(state, seen, console)
    else:
        console.print(_shown(seen, console))


def _watch(state: StateDir, seen: _Seen, console: Console) -> None:
    """Show what is seen until the training is over, or somebody has taken it down."""
    with Live(_shown(seen, console), console=console, auto_refresh=False) as live:
        while seen.running:
            time.sleep(_SECONDS_BETWEEN_LOOKS[seen.launch.runtime])
            again = _look(state)
            if again is None:
                return
            seen = again
            live.update(_shown(seen, console), refresh=True)


def _shown(seen: _Seen, console: Console) -> RenderableType:
    return view(seen.launch, seen.services, seen.standing, bar=console.is_terminal)


def _look(state: StateDir) -> _Seen | None:
    """Return what there is; None where nothing was launched, or all was taken down meanwhile."""
    launch = read_launch(state)
    if launch is None:
        return None
    try:
        return (_compose if launch.runtime == "compose" else _local)(launch, state)
    except LaunchError:
        if read_launch(state) is None:
            return None
        raise


def _compose(launch: Launch, state: StateDir) -> _Seen:
    from infra.stack.containers import describe_services, read_recent_trainer_lines
    from infra.stack.docker_client import make_stack_client

    stack = make_stack_client(state, launch.project)
    found = describe_services(stack) if state.compose_file.exists() else []
    trainer = next((one["state"] for one in found if one["name"] == "trainer"), None)
    if trainer is None:  # `qca up` builds its image, or has been told to end
        return _Seen(launch, found, None, running=read_holder(state) is not None)
    records = newest_records(read_recent_trainer_lines(stack)) or _of_before(stack, launch.run)
    return _judged(launch, found, records, running=trainer in _ALIVE)


def _of_before(stack: Any, run: str) -> list[EpisodeRecord]:
    """Return the newest records of a trainer that has made none since it was started."""
    from infra.stack.compose_document import RUNS
    from infra.stack.containers import copy_from_trainer

    with tempfile.TemporaryDirectory(prefix="qca-") as folder:
        copied = Path(folder) / "metrics.jsonl"
        with contextlib.suppress(LaunchError):  # there is no such file before the first episode
            copy_from_trainer(stack, f"{RUNS}/{run}/metrics.jsonl", copied)
        return newest_records(last_lines(copied))


def _local(launch: Launch, state: StateDir) -> _Seen:
    running = read_holder(state) is not None
    run = Path(launch.runs) / launch.run
    healths = {"store": None, "trainer": _health(run, state) if running else None}
    services = [
        {
            "name": name,
            "state": "running" if running else "stopped",
            "health": health,
            "exit_code": None,
        }
        for name, health in healths.items()
    ]
    records = newest_records(last_lines(run / "metrics.jsonl"))
    return _judged(launch, services, records, running=running)


def _health(run: Path, state: StateDir) -> str:
    """Return the trainer's health by its heartbeat, in the words of Docker."""
    with contextlib.suppress(OSError):
        if (run / "heartbeat").stat().st_mtime >= state.launch_file.stat().st_mtime:
            return "healthy" if unhealthy_because(run, time.time()) is None else "unhealthy"
    return "starting"


def _judged(
    launch: Launch, services: list[dict[str, Any]], records: list[EpisodeRecord], *, running: bool
) -> _Seen:
    expected = Expected(
        episodes=launch.episodes,
        device=launch.device,
        predicted_peak_bytes=launch.predicted_peak_bytes,
        context_bytes=launch.context_bytes,
        budget_bytes=launch.budget_bytes,
    )
    return _Seen(launch, services, standing(records, expected, running=running), running)
