"""`qca plan`: the sizing decision with a reason for each number."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from infra.stack.plan import StackPlan, TrainerPlan
from infra.stack.plan import plan as make_plan
from qca.cli.host_facts import host_facts
from qca.cli.options import config_options, facts_option, format_option, read_config
from qca.core.errors import PlanError
from qca.core.units import format_size

_COMBINED = "combined batch"


@click.command()
@config_options("stack", "train")
@facts_option
@format_option
def plan(config_file: Path | None, facts_file: Path | None, format_: str, **flags: Any) -> None:
    """Show the sizing decision, with a reason for each number.

    Exits with 1 if the training does not fit the memory that there is.
    """
    config = read_config(config_file, flags)
    decided = make_plan(host_facts(facts_file), config)
    if format_ == "json":
        click.echo(json.dumps(_document(decided), indent=2, ensure_ascii=False))
    else:
        Console().print(_table(decided))
    if decided.trainer.fits is False:
        raise PlanError(
            "the training does not fit",
            hint="`qca estimate --solve batch|grid|steps` finds the largest that does.",
        )


def _document(decided: StackPlan) -> dict[str, Any]:
    return {
        **asdict(decided),
        "reasons": [{"for": one.for_, "because": one.because} for one in decided.reasons],
    }


def _table(decided: StackPlan) -> Table:
    table = Table("what", "value", "because", box=None, pad_edge=False, header_style="bold")
    because = {reason.for_: reason.because for reason in decided.reasons}
    because[_COMBINED] = _why_combined(decided.trainer)
    for name, value in _rows(decided):
        table.add_row(name, value, because.get(name, ""))
    return table


def _rows(decided: StackPlan) -> list[tuple[str, str]]:
    dragonfly, trainer = decided.dragonfly, decided.trainer
    budget = "unknown" if trainer.budget_bytes is None else format_size(trainer.budget_bytes)
    return [
        ("runtime", decided.runtime),
        ("dragonfly.proactor_threads", str(dragonfly.proactor_threads)),
        ("dragonfly.maxmemory_bytes", format_size(dragonfly.maxmemory_bytes)),
        ("dragonfly.container_memory_bytes", format_size(dragonfly.container_memory_bytes)),
        ("trainer.device", trainer.device),
        *_together(trainer),
        ("trainer.profile", trainer.profile),
        ("trainer.precision", trainer.precision),
        ("trainer.recompute", trainer.recompute),
        ("trainer.optimizer_state", trainer.optimizer_state),
        ("trainer.predicted_peak_bytes", format_size(trainer.predicted_peak_bytes)),
        ("trainer.context_bytes", format_size(trainer.context_bytes)),
        ("trainer.budget_bytes", budget),
        ("trainer.container_memory_bytes", format_size(trainer.container_memory_bytes)),
    ]


def _together(trainer: TrainerPlan) -> list[tuple[str, str]]:
    """Return what differs from one GPU on one machine."""
    gpus, nnodes = trainer.gpus > 1, trainer.nnodes > 1
    return [
        *([("trainer.gpus", str(trainer.gpus))] if gpus else []),
        *([("trainer.nnodes", str(trainer.nnodes))] if nnodes else []),
        *([("trainer.rdzv_endpoint", str(trainer.rdzv_endpoint))] if nnodes else []),
        *([(_COMBINED, str(_processes(trainer) * trainer.batch_size))] if gpus or nnodes else []),
    ]


def _processes(trainer: TrainerPlan) -> int:
    return max(1, trainer.gpus) * trainer.nnodes


def _why_combined(trainer: TrainerPlan) -> str:
    return (
        f"samples an episode: {_processes(trainer)} processes, each with batch_size "
        f"{trainer.batch_size}"
    )
