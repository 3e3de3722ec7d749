"""`qca up`: examine, plan, launch, wait until healthy, follow."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.host.facts import HostFacts
from infra.stack.decision import GIVEN
from infra.stack.plan import StackPlan
from infra.stack.project_lock import project_lock
from infra.stack.state import (
    STATE_DIR,
    Launch,
    StateDir,
    read_launch,
    state_lock,
    write_launch,
)
from qca.cli.host_facts import plan_here
from qca.cli.options import config_options, read_config
from qca.cli.progress import ProgressView
from qca.cli.signals import Terminated, ignore_signals, raise_on_sigterm
from qca.cli.train import RUNS
from qca.core.config import Config
from qca.core.errors import LaunchError
from qca.runs.events import parse_event

if TYPE_CHECKING:
    from infra.stack.launch import Images


@click.command()
@config_options("stack", "train")
def up(config_file: Path | None, **flags: Any) -> None:
    """Launch the training and follow it to its end.

    With a Docker Engine and Compose V2 the trainer and the store run as containers; without
    them, the same trainer runs here. Ctrl-C stops what was launched, with a checkpoint; the
    next `qca up` goes on from there.
    """
    config = read_config(config_file, flags)
    state = StateDir(STATE_DIR)
    with raise_on_sigterm(), state_lock(state), ProgressView() as view:
        try:
            view.say("Examining this host.")
            facts, decided = plan_here(config)
            _refuse_if_blocked(facts, config)
            _refuse_beside_another(decided, state)
            _announce(decided, view)
            if decided.runtime.value == "compose":
                _run_compose(decided, config, state, view)
            else:
                _run_local(decided, state, view)
        except Terminated:
            view.say("Stopped.")


def _refuse_if_blocked(facts: HostFacts, config: Config) -> None:
    from infra.doctor.blocking import select_blocking, select_check_failures
    from infra.doctor.examine import examine
    from infra.doctor.formats.text import render_text

    findings = examine(facts, config)
    if failures := select_check_failures(findings):
        click.echo(render_text(failures), err=True)
    if blocking := select_blocking(findings):
        click.echo(render_text(blocking), err=True)
        raise LaunchError(
            "the training cannot be launched on this host as it is",
            hint="`qca doctor` shows the whole examination, `qca explain ID` one check.",
        )


def _refuse_beside_another(decided: StackPlan, state: StateDir) -> None:
    """Refuse to forget a stack that is still there under another name or runtime."""
    before = read_launch(state)
    if before is None or before.runtime == "local":
        return
    if (before.runtime, before.project) != (decided.runtime.value, decided.project):
        raise LaunchError(
            f"the stack {before.project} was launched from this folder and may still be there",
            hint="Take it down first: `qca down` (its volume is kept).",
        )


def _announce(decided: StackPlan, view: ProgressView) -> None:
    if decided.runtime.value == "local":
        view.say(
            f"Without Docker: {decided.runtime.because}. The store is an embedded Valkey server."
        )
    else:
        view.say(f"With Docker: {decided.runtime.because}.")
    profile = decided.trainer.profile
    if profile.value == "cpu" and profile.because != GIVEN:
        view.say("This is the small CPU profile; --profile default trains the whole model.")


def _launch(decided: StackPlan) -> Launch:
    return Launch(
        runtime=decided.runtime.value,
        project=decided.project,
        run=decided.train.run,
        runs=str(RUNS.resolve()),
        episodes=decided.train.episodes,
        device=decided.trainer.device.value,
        predicted_peak_bytes=decided.trainer.predicted_peak_bytes.value,
        context_bytes=decided.trainer.context_bytes.value,
        budget_bytes=decided.trainer.budget_bytes.value,
    )


def _run_local(decided: StackPlan, state: StateDir, view: ProgressView) -> None:
    from infra.stack.local import run_embedded_store, run_trainer

    write_launch(state, _launch(decided))
    with (
        run_embedded_store(state) as store_url,
        closing(run_trainer(decided, state, runs=RUNS, store_url=store_url)) as lines,
    ):
        try:
            _show(lines, view)
        except (KeyboardInterrupt, Terminated):
            view.say("Stopping; the trainer writes a checkpoint first.")
            raise
    view.say(f"Run folder: {RUNS / decided.train.run}")


def _run_compose(decided: StackPlan, config: Config, state: StateDir, view: ProgressView) -> None:
    from infra.stack import launch

    with project_lock(decided.project):
        # Until this is done, an earlier stack of this folder goes on as it was.
        images = launch.prepare(
            decided, state, ca_bundle=config.stack.ca_bundle, say=view.say, tick=view.tick
        )
        write_launch(state, _launch(decided))
        _start_and_follow(decided, images, state, view)
    copy = launch.build_copy_command(decided, state)
    view.say(
        f"The run is in the volume {decided.project}_runs; to copy it here: {copy}\n"
        "The store still runs; `qca down` removes the stack and keeps the volume."
    )


def _start_and_follow(
    decided: StackPlan, images: "Images", state: StateDir, view: ProgressView
) -> None:
    """Run the stack to the training's end; take it down if that does not come."""
    from infra.stack import launch
    from infra.stack.containers import follow_trainer
    from infra.stack.docker_client import make_stack_client

    try:
        launch.start(decided, state, images, say=view.say)
        with closing(follow_trainer(make_stack_client(state, decided.project))) as lines:
            _show(lines, view)
    except BaseException:
        if state.compose_file.exists():
            view.say("Taking the stack down; the trainer writes a checkpoint first.")
        with ignore_signals():
            launch.stop(decided.project, state, volumes=False)
        state.remove()
        raise


def _show(lines: Iterable[str], view: ProgressView) -> None:
    """Show the trainer's events; what is none is a message of its own."""
    for line in lines:
        try:
            event = parse_event(line)
        except ValueError:
            view.say(line)
            continue
        view.show(event)
