"""`qca logs`: show the output of the store and the trainer."""

import json
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click

from infra.stack.services import STORE, TRAINER
from infra.stack.state import StateFolder
from infra.stack.state_lock import is_held
from qca.cli.event_text import describe_event
from qca.cli.find_launch import find_training
from qca.cli.options import format_option
from qca.core.masking import mask_document, mask_secrets, select_secrets
from qca.core.plain_files import open_plain
from qca.core.visible import escape_invisible
from qca.runs.events import Event, parse_event

_POLL_SECONDS = 0.2


class _Service(click.Choice[str]):
    """A service; a run's name in its place gets a hint."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the service, or fail and say how to name a run."""
        try:
            return super().convert(value, param, ctx)
        except click.UsageError as error:
            hint = f"For the log of a run, use --run: `qca logs --run {value}`."
            raise click.BadParameter(f"{error.message} {hint}", ctx, param) from None


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Keep showing new lines.")
@click.option(
    "-n", "--tail", type=click.IntRange(min=0), help="Show only the last N lines of each service."
)
@format_option
@click.argument("services", nargs=-1, type=_Service([STORE, TRAINER]))
@click.option("--run", help="Run to show; by default the only one launched or training.")
def logs(
    follow: bool, tail: int | None, format_: str, services: tuple[str, ...], run: str | None
) -> None:
    """Show the logs of the current run, or of the last one.

    The trainer's events are shown as sentences. With JSON, each line is an object with the service
    and either the event or the original line.
    """
    launched = find_training(run, usage="qca logs --run RUN")
    launch, state = launched.launch, launched.state
    if launch.runtime == "compose":
        from infra.stack.container_logs import read_logs
        from infra.stack.docker_client import make_project_client

        stack = make_project_client(launch.project)
        lines = read_logs(stack, list(services), follow=follow, tail=tail)
    else:
        found = follow_log_files(state, list(services), follow=follow, tail=tail)
        lines = (f"{service}  | {line}" for service, line in found)
    show = _format_json if format_ == "json" else _format_text
    mask = partial(mask_secrets, secrets=select_secrets(os.environ))
    for line in lines:
        service, _, text = line.partition("|")
        click.echo(escape_invisible(show(service, text.removeprefix(" "), mask)))


def _format_text(service: str, line: str, mask: Callable[[str], str]) -> str:
    """Return the line prefixed with its service; an event is returned as sentences."""
    event = _parse_event(line)
    shown = [line] if event is None else describe_event(event)
    return "\n".join(f"{service}| {mask(line)}" for line in shown)


def _format_json(service: str, line: str, mask: Callable[[str], str]) -> str:
    event = _parse_event(line)
    content = mask_document(
        {"line": line} if event is None else {"event": event.model_dump(mode="json")}, mask
    )
    # Compose appends the container's number to the service: `trainer-1`.
    return json.dumps({"service": service.strip().removesuffix("-1"), **content})


def _parse_event(line: str) -> Event | None:
    try:
        return parse_event(line)
    except ValueError:
        return None


def follow_log_files(
    state: StateFolder, services: list[str], *, follow: bool, tail: int | None
) -> Iterator[tuple[str, str]]:
    """Yield each line of the local logs as (service, line); with `follow`, until `qca up` exits."""
    from infra.stack.launch_local import list_log_files

    offsets: dict[Path, int] = {}
    while True:
        running = is_held(state)
        for file in list_log_files(state, services):
            first = file not in offsets
            whole, offsets[file] = _read_whole_lines(file, offsets.get(file, 0))
            new = whole[max(0, len(whole) - tail) :] if first and tail is not None else whole
            yield from ((file.stem, line) for line in new)
        if not (follow and running):
            return
        time.sleep(_POLL_SECONDS)


def _read_whole_lines(file: Path, offset: int) -> tuple[list[str], int]:
    """Return the complete lines from byte `offset` on, and the offset of the unfinished one."""
    try:
        with open_plain(file, follow=False) as log:
            if log.seek(0, 2) < offset:  # another `qca up` has truncated it
                offset = 0
            log.seek(offset)
            new = log.read()
    except FileNotFoundError:  # `qca down` has removed it
        return [], 0
    end = new.rfind(b"\n") + 1
    return new[:end].decode(errors="replace").splitlines(), offset + end
