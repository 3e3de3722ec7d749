"""Launch with Docker: images, storage and containers, and removal if the stack does not start."""

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from infra.stack.launch_record import Launch, write_launch
from infra.stack.plan import StackPlan
from infra.stack.project_lock import project_lock
from infra.stack.run_storage import RunStorage
from infra.stack.state import StateFolder
from qca.cli.event_lines import show_lines
from qca.cli.launch_words import (
    describe_detached,
    describe_interruption,
    describe_removal,
    describe_run_place,
    describe_store,
)
from qca.cli.options import RUNS
from qca.cli.progress import ProgressView
from qca.cli.take_down import take_down
from qca.core.config import Config
from qca.core.errors import LaunchError
from qca.runs.run_folder import RunFolder

if TYPE_CHECKING:
    from infra.stack.launch_compose import Images


def launch_containers(
    plan: StackPlan,
    launch: Launch,
    config: Config,
    planned: RunStorage,
    state: StateFolder,
    view: ProgressView,
    *,
    detach: bool,
) -> None:
    """Run the stack until training ends, or with `detach` until the stack is healthy.

    Raises:
        LaunchError: the stack cannot be started, or the trainer failed.

    """
    from infra.stack import launch_compose
    from infra.stack.engine_files import ensure_volume

    with project_lock(plan.project):
        # An earlier stack of this folder keeps running until the images are built.
        images = launch_compose.prepare(
            plan, state, ca_bundle=config.stack.ca_bundle, say=view.note, tick=view.tick
        )
        storage = launch_compose.settle_storage(planned, state, images, plan.project)
        if storage.volume is None:
            _prepare_run_folder(plan, planned.volume)
        else:
            ensure_volume(storage.volume, config.stack.project, "runs")
        write_launch(state, replace(launch, volume=storage.volume))
        with describe_interruption(plan, storage.volume, view):
            _start_and_follow(plan, images, storage, state, view, detach=detach)


def _prepare_run_folder(plan: StackPlan, volume: str | None) -> None:
    from infra.stack.launch_compose import refuse_run_in_volume
    from infra.stack.run_storage import ensure_run_folder

    folder = RUNS / plan.train.run
    if volume is not None and not RunFolder(folder).is_used():
        refuse_run_in_volume(volume, plan.train.run, plan.project)
    ensure_run_folder(folder)


def _start_and_follow(
    plan: StackPlan,
    images: "Images",
    storage: RunStorage,
    state: StateFolder,
    view: ProgressView,
    *,
    detach: bool,
) -> None:
    """Run the stack until training ends; take it down if it does not start."""
    from infra.stack import launch_compose
    from infra.stack.container_logs import follow_trainer
    from infra.stack.docker_client import make_stack_client

    try:
        launch_compose.start(plan, state, images, storage, RUNS / plan.train.run, say=view.note)
        if detach:
            view.note(describe_detached(plan.train.run))
            return
        with closing(follow_trainer(make_stack_client(state, plan.project))) as lines:
            show_lines(lines, view)
        view.note(describe_run_place(plan.train.run, storage.volume))
        view.note(describe_store(plan.train.run))
    except BaseException as error:
        view.note(describe_removal(error, plan.train.run))
        _take_down(plan, state, view)
        raise


def _take_down(plan: StackPlan, state: StateFolder, view: ProgressView) -> None:
    command = f"qca down {plan.train.run}"
    try:
        take_down(plan.project, volumes=False, command=command, say=view.say)
    except LaunchError as error:  # not raised, so that `up` exits with the original error
        view.say(f"The stack {plan.project} may still be running: {error}. `{command}` stops it.")
    else:
        state.remove()
