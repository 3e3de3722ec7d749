"""`qca logs`: what the parts of the stack say."""

import time
from collections.abc import Iterator
from pathlib import Path

import click

from infra.stack.state import STATE_DIR, StateDir, holder, read_launch
from qca.errors import LaunchError

_POLL_SECONDS = 0.2


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on showing what comes.")
@click.option("-n", "--tail", type=click.IntRange(min=0), help="Only the last lines of each.")
@click.argument("services", nargs=-1, type=click.Choice(["store", "trainer"]))
def logs(follow: bool, tail: int | None, services: tuple[str, ...]) -> None:
    """Show the logs of what is running, or of what ran last."""
    state = StateDir(STATE_DIR)
    launch = read_launch(state)
    if launch is None:
        raise LaunchError("nothing was launched from this folder", hint="Start with `qca up`.")
    if launch.runtime == "compose":
        from infra.stack.containers import client, log_lines

        stack = client(state, launch.project)
        lines = log_lines(stack, list(services), follow=follow, tail=tail)
    else:
        from infra.stack.local import log_files

        lines = _file_lines(log_files(state, list(services)), state, follow=follow, tail=tail)
    for line in lines:
        click.echo(line)


def _file_lines(
    files: list[Path], state: StateDir, *, follow: bool, tail: int | None
) -> Iterator[str]:
    offsets = dict.fromkeys(files, 0)
    first = True
    while True:
        running = holder(state) is not None
        for file in files:
            with file.open(encoding="utf-8", errors="replace") as log:
                log.seek(offsets[file])
                lines = log.read().splitlines()
                offsets[file] = log.tell()
            shown = lines[len(lines) - tail :] if first and tail is not None else lines
            yield from (f"{file.stem}  | {line}" for line in shown)
        first = False
        if not (follow and running):
            return
        time.sleep(_POLL_SECONDS)
