"""`qca up`: examine the host, plan, launch, wait until healthy, and follow the run."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from infra.stack.alternatives import list_alternatives
from infra.stack.docker_client import preload_sdk
from infra.stack.launch_record import Launch, write_launch
from infra.stack.launched_runs import choose_project, list_launched
from infra.stack.plan import StackPlan
from infra.stack.run_storage import name_volume, plan_storage
from infra.stack.state import STATE_FOLDER, StateFolder
from infra.stack.state_lock import state_lock
from qca.cli.background import build_words, start_in_background
from qca.cli.event_lines import show_lines
from qca.cli.host_facts import plan_here
from qca.cli.launch_containers import launch_containers
from qca.cli.launch_refusals import (
    refuse_blocked_host,
    refuse_crowded_device,
    refuse_other_settings,
    refuse_other_stack,
    refuse_undecodable_folder,
)
from qca.cli.launch_words import (
    announce,
    describe_detached,
    describe_interruption,
    describe_launch,
    describe_run_place,
)
from qca.cli.messages import note
from qca.cli.options import RUNS, RunCommand, config_options, keep_run_settings, read_config
from qca.cli.progress import ProgressView
from qca.cli.running_runs import list_running_runs
from qca.cli.signals import Terminated, raise_on_sigterm
from qca.core.config import Config, ResolvedRuntime


@click.command(cls=RunCommand)
@click.option(
    "-d", "--detach", is_flag=True, help="Return once training starts; `qca attach` follows it."
)
@config_options("stack", "train")
def up(config_file: Path | None, detach: bool, **flags: Any) -> None:
    """Launch training and follow it until it finishes.

    With a Docker Engine and Compose V2 the trainer and the store run as containers; without them,
    the same trainer runs as a local process. Ctrl-C writes a checkpoint and stops training; the
    next `qca up` resumes from there. Several runs may train at once, each with its own name
    (--run).
    """
    config = keep_run_settings(read_config(config_file, flags), RUNS)
    with raise_on_sigterm():
        try:
            words = build_words(config_file, flags)
            runtime = _launch(config, words, detach)
            if detach and runtime == "local":
                _detach(words, config.train.run)
        except Terminated:
            note("Stopped.")


def _launch(config: Config, words: list[str], detach: bool) -> ResolvedRuntime:
    """Examine, plan and, unless detached and local, launch training; return the runtime.

    `words` are the arguments of `qca`, without --detach.
    """
    state = StateFolder(STATE_FOLDER / config.train.run)
    project = choose_project(config.stack.project, config.train.run, list_launched())
    volume = name_volume(config.stack.project)
    config = replace(config, stack=config.stack.override(project=project))
    with state_lock(state), ProgressView() as view:
        refuse_other_settings(config.train)
        view.note("Examining this host.")
        if config.stack.runtime != "local":
            preload_sdk()
        running = list_running_runs(config.train.run)
        facts, plan = plan_here(config, running=running)
        refuse_undecodable_folder(plan)
        refuse_blocked_host(facts, config, [*words, *(["--detach"] if detach else [])])
        refuse_crowded_device(plan, running)
        refuse_other_stack(plan, state)
        announce(plan, list_alternatives(config, plan), view)
        launch = describe_launch(plan)
        if plan.runtime.value == "compose":
            storage = replace(plan_storage(facts, project), volume=volume)
            launch_containers(plan, launch, config, storage, state, view, detach=detach)
        elif not detach:
            _launch_processes(plan, launch, state, view)
    return plan.runtime.value


def _detach(words: list[str], run: str) -> None:
    output = start_in_background(words, StateFolder(STATE_FOLDER / run))
    note(describe_detached(run) if output is None else output)


def _launch_processes(
    plan: StackPlan, launch: Launch, state: StateFolder, view: ProgressView
) -> None:
    from infra.stack.launch_local import build_local_command, run_embedded_store, run_trainer

    write_launch(state, launch)
    with (
        describe_interruption(plan, None, view),
        run_embedded_store(state) as store_url,
        closing(run_trainer(build_local_command(plan, RUNS, store_url), state)) as lines,
    ):
        try:
            show_lines(lines, view)
        except (KeyboardInterrupt, Terminated):
            view.note("Stopping; the trainer writes a checkpoint first.")
            raise
    view.note(describe_run_place(plan.train.run, None))
