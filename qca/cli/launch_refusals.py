"""Refuse to launch: the host has errors or too little memory, or another stack may exist."""

from collections.abc import Sequence
from pathlib import Path

import click

from infra.host.facts import HostFacts
from infra.stack.launch_record import read_launch
from infra.stack.plan import StackPlan
from infra.stack.state import StateFolder
from infra.stack.trainer_memory import RunningRun
from qca.cli.options import RUNS
from qca.cli.remedy_commands import repeat_options
from qca.core.config import Config, TrainConfig, apply_profile
from qca.core.errors import LaunchError, PlanError
from qca.runs.run_folder import RunFolder


def refuse_other_settings(train: TrainConfig) -> None:
    """Refuse values that the run, if it exists, cannot be resumed with.

    Raises:
        InputError: a key differs that is fixed, or a value has no effect.

    """
    # Until the host is known, the profile of a new run may be `auto`; a run that exists has one.
    profile = "default" if train.profile == "auto" else train.profile
    RunFolder(RUNS / train.run).check_start(apply_profile(train, profile), resume=True)


def refuse_blocked_host(facts: HostFacts, config: Config, words: Sequence[str]) -> None:
    """Refuse to launch if the doctor finds errors; show them, and the checks that failed to run.

    `words` are the arguments of this `qca up`, which the commands of the remedies repeat.
    """
    from infra.doctor.blocking import select_blocking, select_check_failures
    from infra.doctor.examine import examine
    from infra.doctor.formats.text import render_text

    findings = examine(facts, config)
    if failures := select_check_failures(findings):
        click.echo(render_text(failures), err=True)
    if blocking := select_blocking(findings):
        click.echo(render_text(repeat_options(blocking, words)), err=True)
        raise LaunchError(
            "training cannot be launched on this host",
            hint="`qca doctor` shows all findings, `qca explain ID` explains a check.",
        )


def refuse_crowded_device(plan: StackPlan, running: Sequence[RunningRun]) -> None:
    """Refuse a run that does not fit in memory while other runs are training."""
    if running and plan.trainer.fits.value is False:
        names = ", ".join(run.run for run in running)
        raise PlanError(
            f"training does not fit while other runs train ({names}): "
            f"{plan.trainer.fits.because}\n"
            f"The budget is {plan.trainer.budget_bytes.because}.",
            hint="Wait until a run finishes, or stop one with `qca down RUN`.",
        )


def refuse_undecodable_folder(plan: StackPlan) -> None:
    """Refuse containers if the folder's path is not UTF-8, the only encoding Docker accepts."""
    folder = Path.cwd()
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        if plan.runtime.value == "compose":
            raise LaunchError(
                f"{folder}: Docker only accepts paths in UTF-8, and this one is not",
                hint="Rename the folder, or train without containers: --runtime local",
            ) from None


def refuse_other_stack(plan: StackPlan, state: StateFolder) -> None:
    """Refuse to replace the record of a stack that may still exist under another name."""
    before = read_launch(state)
    if before is None or before.runtime == "local":
        return
    if (before.runtime, before.project) != (plan.runtime.value, plan.project):
        raise LaunchError(
            f"the stack {before.project} was launched from this folder and may still exist",
            hint=f"Take it down first: `qca down {before.run}` (its run is kept).",
        )
