"""What `qca up` refuses to launch: on a blocked host, beside other runs, over another stack."""

from collections.abc import Sequence
from pathlib import Path

import click

from infra.host.facts import HostFacts
from infra.stack.launch_record import read_launch
from infra.stack.plan import StackPlan
from infra.stack.state import StateDir
from infra.stack.trainer_memory import RunningRun
from qca.core.config import Config
from qca.core.errors import LaunchError, PlanError


def refuse_blocked_host(facts: HostFacts, config: Config) -> None:
    """Refuse what the doctor finds to be in the way, in its own words."""
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


def refuse_crowded_device(plan: StackPlan, running: Sequence[RunningRun]) -> None:
    """Refuse what fits the device alone, but not beside the runs that train on it."""
    if running and plan.trainer.fits.value is False:
        names = ", ".join(one.run for one in running)
        raise PlanError(
            f"the training does not fit beside {names}: {plan.trainer.fits.because}\n"
            f"The budget is {plan.trainer.budget_bytes.because}.",
            hint="Wait until one is done, or stop one with `qca down RUN`.",
        )


def refuse_undecodable_folder(plan: StackPlan) -> None:
    """Refuse containers in a folder whose path Docker cannot be given: its API takes UTF-8."""
    folder = Path.cwd()
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        if plan.runtime.value == "compose":
            raise LaunchError(
                f"{folder}: the path is not UTF-8, and Docker takes no other",
                hint="Rename the folder, or train without containers: --runtime local",
            ) from None


def refuse_other_stack(plan: StackPlan, state: StateDir) -> None:
    """Refuse to replace the record of a stack that may still exist under another name."""
    before = read_launch(state)
    if before is None or before.runtime == "local":
        return
    if (before.runtime, before.project) != (plan.runtime.value, plan.project):
        raise LaunchError(
            f"the stack {before.project} was launched from this folder and may still be there",
            hint=f"Take it down first: `qca down {before.run}` (its run is kept).",
        )
