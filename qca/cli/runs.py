"""`qca runs`: list the runs; `qca runs rm`: remove one."""

import json
import shutil
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import click
from rich.console import Console
from rich.table import Table

from infra.stack.kept_runs import read_kept_runs
from infra.stack.launch_record import Launch
from infra.stack.launched_runs import list_launched, raise_errors
from qca.cli.messages import note
from qca.cli.options import format_option, runs_option
from qca.cli.suggestions import SuggestingGroup
from qca.cli.volume_runs import list_in_volumes, list_taken_down
from qca.core.errors import InputError, LaunchError
from qca.core.units import format_size
from qca.runs.listing import RunSummary, summarize_runs
from qca.runs.run_folder import RunFolder

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@click.group(cls=SuggestingGroup, invoke_without_command=True)
@runs_option
@format_option
@click.pass_context
def runs(ctx: click.Context, runs: Path, format_: Literal["text", "json"]) -> None:
    """List the runs, including those on another machine's engine."""
    ctx.obj = runs
    if ctx.invoked_subcommand is not None:
        return
    launched = list_launched()
    kept, damaged = _read_kept()
    found = [
        *summarize_runs(runs, datetime.now(UTC)),
        *list_in_volumes(launched),
        *list_taken_down(launched, kept),
    ]
    if format_ == "json":
        document = {"schema_version": 1, "runs": [asdict(run) for run in found]}
        click.echo(json.dumps(document, indent=2))
    elif found:
        Console(highlight=False).print(_build_table(found))
    else:
        click.echo(f"No run in {runs}. `qca up` starts one.", err=True)
    raise_errors([*launched.damaged.values(), *damaged])


def _read_kept() -> tuple[list[Launch], list[LaunchError]]:
    """Return the runs that were taken down and are kept in a volume, or the error in the record."""
    try:
        return read_kept_runs(), []
    except LaunchError as error:
        return [], [error]


@runs.command()
@click.argument("run")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.pass_obj
def rm(runs: Path, run: str, yes: bool) -> None:
    """Delete RUN permanently, with its checkpoints, metrics and pictures."""
    if run not in [summary.name for summary in summarize_runs(runs, datetime.now(UTC))]:
        raise _missing_error(runs, run)
    folder = runs / run
    RunFolder(folder).check()
    _refuse_held(folder)
    if not yes:
        _ask(folder)
        _refuse_held(folder)  # the run may have started while the question was open
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise LaunchError(f"{error.filename}: {error.strerror}") from None
    note(f"Removed {folder}.")


def _missing_error(runs: Path, run: str) -> InputError:
    """Return the error for a run that has no folder here but may be in a volume."""
    recorded = [launched.launch for launched in list_launched().readable.values()] + _read_kept()[0]
    for launch in recorded:
        if launch.run == run and launch.volume is not None:
            return InputError(
                f"the run {run!r} is in the volume {launch.volume}, not in {runs}",
                hint=f"`qca down --volumes --project {launch.project}` removes the volume with all "
                "its runs.",
            )
    return InputError(f"no run {run!r} in {runs}", hint="`qca runs` lists the runs.")


def _refuse_held(folder: Path) -> None:
    if RunFolder(folder).is_held():
        raise LaunchError(
            f"{folder}: a trainer is using this run", hint=f"Stop it first: qca down {folder.name}"
        )


def _ask(folder: Path) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("`qca runs rm` cannot ask without a terminal; use --yes")
    click.confirm(f"Remove {folder} with all its checkpoints?", abort=True, err=True)


def _build_table(found: list[RunSummary]) -> Table:
    columns = ("state", "episode", "loss", "device", "age", "size", "where")
    table = Table("run", *columns, box=None, pad_edge=False, header_style="bold")
    table.columns[0].no_wrap = True
    table.columns[0].min_width = max(len(run.name) for run in found)  # never cut a name
    for column in table.columns[1:]:
        column.overflow = "fold"
    for run in found:
        table.add_row(
            run.name,
            run.state,
            _format_episode(run),
            "" if run.loss is None else f"{run.loss:.4g}",
            run.device or "",
            "" if run.age_seconds is None else _format_age(run.age_seconds),
            "" if run.size_bytes is None else format_size(run.size_bytes),
            run.where,
        )
    return table


def _format_episode(run: RunSummary) -> str:
    if run.episode is None:
        return ""
    return f"{run.episode:,}" if run.episodes is None else f"{run.episode:,}/{run.episodes:,}"


def _format_age(seconds: float) -> str:
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= unit:
            return f"{seconds // unit:.0f} {name}"
    return f"{max(0.0, seconds):.0f} s"
