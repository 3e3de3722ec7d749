"""`qca status`: what is running, and how far the training is."""

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from infra.stack.state import STATE_DIR, Launch, StateDir, holder, read_launch
from qca.cli.options import format_option
from qca.errors import LaunchError
from qca.train.metrics import EpisodeRecord, parse_event, read_records
from qca.units import format_size


@click.command()
@format_option
def status(format_: str) -> None:
    """Show what was launched from this folder, and how far its training is."""
    state = StateDir(STATE_DIR)
    launch = read_launch(state)
    if launch is None:
        raise LaunchError("nothing was launched from this folder", hint="Start with `qca up`.")
    services, record = (
        _compose(launch, state) if launch.runtime == "compose" else _local(launch, state)
    )
    report = {
        "schema_version": 1,
        "runtime": launch.runtime,
        "project": launch.project,
        "run": launch.run,
        "services": services,
        "last_episode": None if record is None else record.model_dump(),
    }
    if format_ == "json":
        click.echo(json.dumps(report, indent=2))
    else:
        _print(launch, services, record)


def _compose(launch: Launch, state: StateDir) -> tuple[list[dict[str, Any]], EpisodeRecord | None]:
    from infra.stack.containers import client, recent_trainer_lines, services

    stack = client(state, launch.project)
    found = services(stack)
    if not any(service["name"] == "trainer" for service in found):
        return found, None
    return found, _newest(recent_trainer_lines(stack)) or _newest_of_before(stack, launch.run)


def _newest_of_before(stack: Any, run: str) -> EpisodeRecord | None:
    """Return the newest record of a trainer that has made none since it was started."""
    from infra.stack.containers import copy_from_trainer
    from infra.stack.document import RUNS

    with tempfile.TemporaryDirectory(prefix="qca-") as folder:
        copied = Path(folder) / "metrics.jsonl"
        with contextlib.suppress(LaunchError):  # there is no such file before the first episode
            copy_from_trainer(stack, f"{RUNS}/{run}/metrics.jsonl", copied)
        records = read_records(copied)
    return records[-1] if records else None


def _local(launch: Launch, state: StateDir) -> tuple[list[dict[str, Any]], EpisodeRecord | None]:
    running = "running" if holder(state) is not None else "stopped"
    services = [
        {"name": name, "state": running, "health": None, "exit_code": None}
        for name in ("store", "trainer")
    ]
    records = read_records(Path(launch.runs) / launch.run / "metrics.jsonl")
    return services, records[-1] if records else None


def _newest(lines: list[str]) -> EpisodeRecord | None:
    for line in reversed(lines):
        try:
            event = parse_event(line)
        except ValueError:
            continue
        if isinstance(event, EpisodeRecord):
            return event
    return None


def _print(launch: Launch, services: list[dict[str, Any]], record: EpisodeRecord | None) -> None:
    table = Table("service", "state", "health", box=None, pad_edge=False, header_style="bold")
    for service in services:
        state, exit_code = service["state"], service["exit_code"]
        shown = state if exit_code is None else f"{state} ({exit_code})"
        table.add_row(service["name"], shown, service["health"] or "")
    console = Console(highlight=False)
    console.print(f"run {launch.run}, runtime {launch.runtime}, project {launch.project}")
    console.print(table)
    if record is None:
        console.print("no episode yet")
    else:
        console.print(
            f"episode {record.episode}, loss {record.loss:.4g}, "
            f"{record.steps_per_second:.3g} steps/s, memory {format_size(record.memory_bytes)}"
        )
