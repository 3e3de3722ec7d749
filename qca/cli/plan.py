"""`qca plan`: show the sizing decision with a reason for each number."""

import shlex
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.dragonfly.releases import describe_license, parse_release
from infra.dragonfly.service import is_dragonfly_image
from infra.stack.alternatives import list_alternatives
from infra.stack.decision import Decision, list_decisions, strip_reasons
from infra.stack.plan import StackPlan, TrainerPlan, plan_stack, require_fit
from qca.cli.alternatives import build_alternatives_table, describe_sources
from qca.cli.background import build_words
from qca.cli.host_facts import host_facts, plan_here
from qca.cli.launch_refusals import refuse_other_settings
from qca.cli.messages import note, say
from qca.cli.options import (
    RUNS,
    RunCommand,
    config_options,
    facts_option,
    format_option,
    keep_run_settings,
    read_config,
)
from qca.cli.running_runs import list_running_runs
from qca.cli.signals import unwind_on_sigterm
from qca.core.config import TrainConfig
from qca.core.errors import InputError
from qca.core.json_object import format_object
from qca.core.units import format_size

# Shown after the numbers of GPUs and machines, if several train together.
_COMBINED = "combined batch"
_DISTRIBUTED = ("trainer.gpus", "trainer.nnodes", "trainer.rdzv_endpoint")
# Shown in JSON and at the head of a rendered file, but too wide for a table.
_JSON_ONLY = ("trainer.base_image",)
# Shown only with containers: without Docker the store is a small Valkey server.
_CONTAINERS_ONLY = ("store_port", "trainer.container_memory_bytes")

_GROUPS = {"": "launch", "dragonfly": "store", "trainer": "trainer"}
"""The table's headings for the parts of a plan."""


@click.command(cls=RunCommand)
@config_options("stack", "train")
@facts_option
@format_option
def plan(config_file: Path | None, facts_file: Path | None, format_: str, **flags: Any) -> None:
    """Show the sizing decision, with a reason for each number.

    The exit code is 1 if training does not fit in the available memory.
    """
    config = read_config(config_file, flags)
    if facts_file is None:
        config = keep_run_settings(config, RUNS)
        running = list_running_runs(config.train.run)
        with unwind_on_sigterm():
            _, stack_plan = plan_here(config, running=running)
    else:
        stack_plan = plan_stack(host_facts(facts_file), config)
    if format_ == "json":
        click.echo(format_object(build_plan_document(stack_plan)))
    else:
        console = Console(highlight=False)
        console.print(build_table(stack_plan))
        if alternatives := list_alternatives(config, stack_plan):
            console.print()
            console.print(build_alternatives_table(alternatives))
            console.print(describe_sources(alternatives), style="dim")
    if license_note := describe_store_license(stack_plan):
        say(license_note)
    require_fit(stack_plan)
    if format_ == "text" and facts_file is None:
        note(_describe_launch(config.train, config_file, flags))


def _describe_launch(train: TrainConfig, config_file: Path | None, flags: Mapping[str, Any]) -> str:
    """Return the command that launches the plan; as a new run if this one has other settings."""
    try:
        refuse_other_settings(train)
    except InputError as error:
        words = build_words(config_file, {**flags, "run": _find_free_name(train.run)})
        return f"Not as run {train.run}: {error}.\nNext: {shlex.join(['qca', *words])}"
    return f"Next: {shlex.join(['qca', *build_words(config_file, flags)])}"


def _find_free_name(run: str) -> str:
    names = (f"{run}-{number}" for number in count(2))
    return next(name for name in names if not (RUNS / name).exists())


def describe_store_license(stack_plan: StackPlan) -> str:
    """Return a note on the license of the store's image, or nothing if it is not started."""
    image = stack_plan.dragonfly.image
    is_started = stack_plan.runtime.value == "compose" and is_dragonfly_image(image)
    return describe_license(parse_release(image)) if is_started else ""


def build_plan_document(stack_plan: StackPlan) -> dict[str, Any]:
    """Return the JSON document of a plan."""
    decisions = list_decisions(stack_plan)
    return {
        **strip_reasons(stack_plan),
        "reasons": [
            {"for": path, "because": decision.because} for path, decision in decisions.items()
        ],
    }


def build_table(stack_plan: StackPlan) -> Table:
    """Return the plan's rows in groups, each row with its reason."""
    table = Table("what", "value", "because", box=None, pad_edge=False, header_style="bold")
    for column in table.columns[:2]:
        column.no_wrap = True
    rows = _select_rows(stack_plan)
    for group, title in _GROUPS.items():
        members = {path: decision for path, decision in rows.items() if _find_group(path) == group}
        if members:
            table.add_row(f"[bold]{title}[/]")
        for path, decision in members.items():
            value = _format_value(path, decision.value)
            table.add_row(f"  {_format_label(path)}", escape(value), escape(decision.because))
    return table


def _find_group(path: str) -> str:
    if path == "store_port":
        return "dragonfly"
    return "trainer" if path == _COMBINED else path.rpartition(".")[0]


def _format_label(path: str) -> str:
    """Return a row's name: "predicted peak" for `trainer.predicted_peak_bytes`."""
    return path.rpartition(".")[2].removesuffix("_bytes").replace("_", " ")


def _select_rows(stack_plan: StackPlan) -> dict[str, Decision[Any]]:
    """Return the rows to show, including the numbers of GPUs and machines unless both are 1."""
    rows: dict[str, Decision[Any]] = {}
    for path, decision in list_decisions(stack_plan).items():
        if path not in (*_DISTRIBUTED, *_JSON_ONLY) and not _is_unused(path, stack_plan):
            rows[path] = decision
        if path == "trainer.device":
            rows |= _select_distributed_rows(stack_plan.trainer)
    return rows


def _is_unused(path: str, stack_plan: StackPlan) -> bool:
    is_of_container = path in _CONTAINERS_ONLY or path.startswith("dragonfly.")
    return stack_plan.runtime.value == "local" and is_of_container


def _select_distributed_rows(trainer: TrainerPlan) -> dict[str, Decision[Any]]:
    gpus, nnodes, endpoint = _DISTRIBUTED
    rows: dict[str, Decision[Any]] = {}
    if trainer.gpus.value > 1:
        rows[gpus] = trainer.gpus
    if trainer.nnodes.value > 1:
        rows |= {nnodes: trainer.nnodes, endpoint: trainer.rdzv_endpoint}
    if rows:
        rows[_COMBINED] = _combine_batches(trainer)
    return rows


def _combine_batches(trainer: TrainerPlan) -> Decision[int]:
    processes = max(1, trainer.gpus.value) * trainer.nnodes.value
    batch = trainer.batch_size.value
    because = f"samples per episode: {processes} processes, each with batch_size {batch}"
    return Decision(processes * batch, because)


def _format_value(path: str, value: object) -> str:
    if value is None:
        return "unknown" if path in ("trainer.budget_bytes", "trainer.fits") else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format_size(value) if isinstance(value, int) and path.endswith("_bytes") else str(value)
