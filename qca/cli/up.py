"""`qca up`: examine, plan, launch, wait until healthy, follow."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.host.facts import HostFacts
from infra.stack.decision import GIVEN
from infra.stack.launched_runs import choose_project, list_launched
from infra.stack.plan import Runtime, StackPlan
from infra.stack.project_lock import project_lock
from infra.stack.run_storage import RunStorage, name_volume, plan_storage
from infra.stack.state import (
    STATE_DIR,
    Launch,
    StateDir,
    read_launch,
    state_lock,
    write_launch,
)
from infra.stack.trainer_memory import RunningRun
from qca.cli.background import build_words, start_in_background
from qca.cli.event_lines import show_lines
from qca.cli.host_facts import plan_here
from qca.cli.messages import say
from qca.cli.next_steps import describe_complete_run
from qca.cli.options import RUNS, config_options, read_config
from qca.cli.progress import ProgressView
from qca.cli.running_runs import list_running_runs
from qca.cli.signals import Terminated, raise_on_sigterm
from qca.cli.take_down import take_down
from qca.core.config import Config
from qca.core.errors import LaunchError, PlanError
from qca.runs.checkpoint_files import list_checkpoints
from qca.runs.run_folder import RunFolder

if TYPE_CHECKING:
    from infra.stack.launch_compose import Images


@click.command()
@click.option("-d", "--detach", is_flag=True, help="Return once it trains; `attach` follows it.")
@config_options("stack", "train")
def up(config_file: Path | None, detach: bool, **flags: Any) -> None:
    """Launch the training and follow it to its end.

    With a Docker Engine and Compose V2 the trainer and the store run as containers; without
    them, the same trainer runs here. Ctrl-C stops what was launched, with a checkpoint; the
    next `qca up` goes on from there. Several runs may train at once, each under a name of its
    own (--run).
    """
    config = read_config(config_file, flags)
    RunFolder(RUNS / config.train.run).check()
    with raise_on_sigterm():
        try:
            runtime = _launch(config, detach)
            if detach and runtime == "local":
                _detach(build_words(config_file, flags), config.train.run)
        except Terminated:
            say("Stopped.")


def _launch(config: Config, detach: bool) -> Runtime:
    """Launch the training, but for one that is to run detached without Docker; return how."""
    state = StateDir(STATE_DIR / config.train.run)
    project = choose_project(config.stack.project, config.train.run, list_launched())
    volume = name_volume(config.stack.project)
    config = replace(config, stack=config.stack.override(project=project))
    with state_lock(state), ProgressView() as view:
        view.say("Examining this host.")
        running = list_running_runs(config.train.run)
        facts, plan = plan_here(config, running=running)
        _refuse_blocked_host(facts, config)
        _refuse_crowded_device(plan, running)
        _refuse_other_stack(plan, state)
        _announce(plan, view)
        storage = replace(plan_storage(facts, project), volume=volume)
        with _describe_interruption(plan, view):
            if plan.runtime.value == "compose":
                _run_compose(plan, config, storage, state, view, detach=detach)
            elif not detach:
                _run_local(plan, state, view)
    return plan.runtime.value


def _detach(words: list[str], run: str) -> None:
    said = start_in_background(words, StateDir(STATE_DIR / run))
    say(_describe_detached(run) if said is None else said)


def _describe_detached(run: str) -> str:
    return f"The training goes on. `qca attach {run}` follows it, `qca down {run}` stops it."


@contextmanager
def _describe_interruption(plan: StackPlan, view: ProgressView) -> Iterator[None]:
    """Say after an interruption how far the run is, and how to go on."""
    try:
        yield
    except (KeyboardInterrupt, Terminated):
        view.end_bar()
        folder = RunFolder(RUNS / plan.train.run)
        if saved := list_checkpoints(folder.checkpoints):
            done = f"{saved[-1][0]:,} of {plan.train.episodes:,} episodes"
            view.say(f"Safe in {folder.path}: {done}. The same command goes on from there.")
        raise


def _refuse_blocked_host(facts: HostFacts, config: Config) -> None:
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


def _refuse_crowded_device(plan: StackPlan, running: Sequence[RunningRun]) -> None:
    """Refuse what fits the device alone, but not beside the runs that train on it."""
    if running and plan.trainer.fits.value is False:
        names = ", ".join(one.run for one in running)
        raise PlanError(
            f"the training does not fit beside {names}: {plan.trainer.fits.because}\n"
            f"The budget is {plan.trainer.budget_bytes.because}.",
            hint="Wait until one is done, or stop one with `qca down RUN`.",
        )


def _refuse_other_stack(plan: StackPlan, state: StateDir) -> None:
    """Refuse to replace the record of a stack that may still exist under another name."""
    before = read_launch(state)
    if before is None or before.runtime == "local":
        return
    if (before.runtime, before.project) != (plan.runtime.value, plan.project):
        raise LaunchError(
            f"the stack {before.project} was launched from this folder and may still be there",
            hint=f"Take it down first: `qca down {before.run}` (its run is kept).",
        )


def _announce(plan: StackPlan, view: ProgressView) -> None:
    if plan.runtime.value == "local":
        view.say(f"Without Docker: {plan.runtime.because}. The store is an embedded Valkey server.")
    else:
        view.say(f"With Docker: {plan.runtime.because}.")
    profile = plan.trainer.profile
    if profile.value == "cpu" and profile.because != GIVEN:
        view.say("This is the small CPU profile; --profile default trains the whole model.")


def _describe_launch(plan: StackPlan, volume: str | None = None) -> Launch:
    return Launch(
        runtime=plan.runtime.value,
        project=plan.project,
        run=plan.train.run,
        runs=str(RUNS.resolve()),
        episodes=plan.train.episodes,
        device=plan.trainer.device.value,
        predicted_peak_bytes=plan.trainer.predicted_peak_bytes.value,
        context_bytes=plan.trainer.context_bytes.value,
        budget_bytes=plan.trainer_limit_bytes,
        volume=volume,
    )


def _run_local(plan: StackPlan, state: StateDir, view: ProgressView) -> None:
    from infra.stack.launch_local import run_embedded_store, run_trainer

    write_launch(state, _describe_launch(plan))
    with (
        run_embedded_store(state) as store_url,
        closing(run_trainer(plan, state, runs=RUNS, store_url=store_url)) as lines,
    ):
        try:
            show_lines(lines, view)
        except (KeyboardInterrupt, Terminated):
            view.say("Stopping; the trainer writes a checkpoint first.")
            raise
    view.say(_describe_run_place(plan.train.run, None))


def _run_compose(
    plan: StackPlan,
    config: Config,
    planned: RunStorage,
    state: StateDir,
    view: ProgressView,
    *,
    detach: bool,
) -> None:
    from infra.stack import launch_compose
    from infra.stack.engine_files import ensure_volume

    with project_lock(plan.project):
        # An earlier stack of this folder keeps running until this is done.
        images = launch_compose.prepare(
            plan, state, ca_bundle=config.stack.ca_bundle, say=view.say, tick=view.tick
        )
        storage = launch_compose.settle_storage(planned, state, images.store)
        if storage.volume is None:
            _prepare_run_folder(plan, planned.volume)
        else:
            ensure_volume(storage.volume, config.stack.project)
        write_launch(state, _describe_launch(plan, storage.volume))
        _start_and_follow(plan, images, storage, state, view, detach=detach)


def _prepare_run_folder(plan: StackPlan, volume: str | None) -> None:
    from infra.stack.launch_compose import refuse_run_in_volume
    from infra.stack.run_storage import ensure_run_folder

    folder = RUNS / plan.train.run
    if volume is not None and not RunFolder(folder).is_used():
        refuse_run_in_volume(volume, plan.train.run)
    ensure_run_folder(folder)


def _describe_run_place(run: str, volume: str | None) -> str:
    if volume is not None:
        return f"The run is in the engine's volume {volume}; `qca fetch {run}` copies it here."
    return describe_complete_run(RUNS / run)


def _start_and_follow(
    plan: StackPlan,
    images: "Images",
    storage: RunStorage,
    state: StateDir,
    view: ProgressView,
    *,
    detach: bool,
) -> None:
    """Run the stack to the end of the training; take it down if that is not reached."""
    from infra.stack import launch_compose
    from infra.stack.container_logs import follow_trainer
    from infra.stack.docker_client import make_stack_client

    try:
        launch_compose.start(plan, state, images, storage, RUNS / plan.train.run, say=view.say)
        if detach:
            view.say(_describe_detached(plan.train.run))
            return
        with closing(follow_trainer(make_stack_client(state, plan.project))) as lines:
            show_lines(lines, view)
        view.say(_describe_run_place(plan.train.run, storage.volume))
        view.say("The store still runs; `qca down` removes the stack and keeps the run.")
    except BaseException:
        view.say(
            "Taking the stack down; the trainer writes a checkpoint first. "
            "Ctrl-C again leaves that to `qca down`."
        )
        _take_down(plan.project, state, view)
        raise


def _take_down(project: str, state: StateDir, view: ProgressView) -> None:
    try:
        take_down(project, volumes=False, say=view.say)
    except LaunchError as error:  # the reason for taking it down is what `up` ends with
        view.say(f"The stack {project} may still run: {error}. `qca down` ends it.")
    else:
        state.remove()
