"""`qca attach`: follow a run that was launched earlier."""

import time
from collections.abc import Iterable, Iterator

import click

from infra.stack.launched_runs import Launched
from infra.stack.services import TRAINER
from infra.stack.state_lock import is_held
from qca.cli.event_lines import show_lines
from qca.cli.find_launch import find_training
from qca.cli.launch_words import describe_run_place, describe_store
from qca.cli.messages import note
from qca.cli.next_steps import format_resume_command
from qca.cli.progress import ProgressView
from qca.core.errors import LaunchError
from qca.runs.events import Finished, parse_event


@click.command()
@click.argument("run", required=False)
def attach(run: str | None) -> None:
    """Follow the training RUN, launched from this folder, until it finishes.

    RUN may be omitted if only one was launched or is training. Ctrl-C detaches; training continues.
    """
    launched = find_training(run, usage="qca attach RUN")
    name = launched.launch.run
    try:
        with ProgressView(resume=f"`{format_resume_command(name)}`") as view:
            show_lines(_follow(launched), view)
            view.note(describe_run_place(name, launched.launch.volume))
            if launched.launch.runtime == "compose":
                view.note(describe_store(name))
    except KeyboardInterrupt:
        commands = f"`qca attach {name}` reattaches, `qca down {name}` stops it"
        note(f"Detached; training continues. {commands}.")


def _follow(launched: Launched) -> Iterable[str]:
    if launched.launch.runtime == "compose":
        from infra.stack.container_logs import follow_trainer
        from infra.stack.docker_client import make_project_client

        _wait_for_trainer(launched)
        return follow_trainer(make_project_client(launched.launch.project))
    return _follow_log(launched)


def _wait_for_trainer(launched: Launched) -> None:
    """Wait for the trainer's container while `qca up` is starting it."""
    from infra.stack.containers import POLL_SECONDS, list_containers

    while TRAINER not in list_containers(launched.launch.project) and is_held(launched.state):
        time.sleep(POLL_SECONDS)


def _follow_log(launched: Launched) -> Iterator[str]:
    """Yield the lines of a local trainer's log until its `qca up` exits.

    Raises:
        LaunchError: training failed or was killed.

    """
    from qca.cli.logs import follow_log_files

    last = ""
    for _, line in follow_log_files(launched.state, [TRAINER], follow=True, tail=None):
        last = line
        yield line
    if not _is_end(last):
        run = launched.launch.run
        raise LaunchError(
            f"run {run} stopped before its last episode",
            hint=f"`qca logs trainer --run {run}` shows why; `qca up --run {run}` resumes from the "
            "last checkpoint.",
        )


def _is_end(line: str) -> bool:
    try:
        return isinstance(parse_event(line), Finished)
    except ValueError:
        return False
