"""`qca estimate`: the predicted peak memory of a training, with its breakdown."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from qca.config import TrainConfig, apply_profile, load_config
from qca.errors import InputError, QcaError
from qca.memory.free import free_gpu_memory
from qca.memory.plan import Choice, Device, Dimension, choose, solve
from qca.units import format_size, parse_size

_SCHEMA_VERSION = 1


class _SizeType(click.ParamType):
    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_size(value)
        except InputError as error:
            self.fail(f"{error.message}. {error.hint}", param, ctx)


@click.command()
@click.option("-c", "--config", "file", type=click.Path(path_type=Path), help="[default: qca.toml]")
@click.option("--grid", type=int, help="Cells a side, a multiple of 4.")
@click.option("--d-state", type=int, help="Complex components of a cell.")
@click.option("--hidden-channels", type=int, help="Channels of the network's first block.")
@click.option("--steps", type=int, help="Steps of the automaton in an episode.")
@click.option("--batch-size", type=int, help="Samples in an episode.")
@click.option("--update", type=click.Choice(["cartesian", "unitary"]), help="The step's form.")
@click.option("--loss", type=click.Choice(["evolutionary", "mse_energy", "structure"]))
@click.option("--precision", type=click.Choice(["fp32"]), help="Of weights and activations.")
@click.option("--recompute", type=click.Choice(["none", "step", "auto"]), help="Recompute plan.")
@click.option("--optimizer", type=click.Choice(["adamw"]), default="adamw", show_default=True)
@click.option("--budget", type=_SizeType(), help="Memory that it may take, e.g. 3.68GiB.")
@click.option(
    "--device",
    type=click.Choice(["cuda", "cpu"]),
    default="cuda",
    show_default=True,
    help="Where the training would run.",
)
@click.option(
    "--solve",
    "dimension",
    type=click.Choice(["batch", "grid", "steps"]),
    help="Find the largest that fits the budget.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def estimate(
    file: Path | None,
    optimizer: str,
    device: Device,
    dimension: Dimension | None,
    form: str,
    **train_flags: Any,
) -> None:
    """Predict the peak memory of a training, before it runs; needs no torch.

    Values come from the options, then QCA_TRAIN_... variables, then qca.toml, then the
    defaults, which are the full configuration whatever this host is.

    The budget is --budget; without one it is what the GPU has free now. Where that
    cannot be seen, budget and fits are unknown (null in JSON) and the exit code is 0.
    Exit code 1: peak and context together are more than the budget.
    """
    train = load_config(file, flags={"train": train_flags}).train
    if train.profile != "auto":
        train = apply_profile(train, train.profile)
    budget = train.budget
    if budget is None and device == "cuda":
        budget = free_gpu_memory()
    choice, solved = _answer(train, budget, device, dimension)
    if form == "json":
        click.echo(json.dumps(_document(choice, device, solved), indent=2))
    else:
        _show(choice, solved)
    if choice.fits is False:
        sys.exit(QcaError.exit_code)


def _answer(
    train: TrainConfig, budget: int | None, device: Device, dimension: Dimension | None
) -> tuple[Choice, dict[str, Any] | None]:
    if dimension is None:
        return choose(train, budget, recompute=train.recompute, device=device), None
    if budget is None:
        raise click.UsageError(f"--solve {dimension} needs a --budget; no free GPU memory is seen.")
    found = solve(train, budget, dimension, recompute=train.recompute, device=device)
    return found.choice, {"dimension": dimension, "value": found.value}


def _document(choice: Choice, device: Device, solved: dict[str, Any] | None) -> dict[str, Any]:
    found = choice.estimate
    return {
        "schema_version": _SCHEMA_VERSION,
        "parameters": found.parameters,
        "predicted_peak_bytes": found.predicted_peak_bytes,
        "breakdown": asdict(found.breakdown),
        "context_bytes": found.context_bytes,
        "budget_bytes": choice.budget_bytes,
        "fits": choice.fits,
        "device": device,
        "recompute": choice.recompute,
        "because": choice.because,
        **({"solved": solved} if solved else {}),
    }


def _show(choice: Choice, solved: dict[str, Any] | None) -> None:
    from rich.console import Console  # slow to import, and JSON does not need it
    from rich.table import Table

    console = Console(highlight=False)
    if solved:
        console.print(f"largest {solved['dimension']} that fits: [bold]{solved['value']}[/bold]")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    for name, size in asdict(choice.estimate.breakdown).items():
        table.add_row(name, format_size(size))
    table.add_row(
        "[bold]predicted peak", f"[bold]{format_size(choice.estimate.predicted_peak_bytes)}"
    )
    table.add_row("context", format_size(choice.estimate.context_bytes))
    table.add_row(
        "budget", "unknown" if choice.budget_bytes is None else format_size(choice.budget_bytes)
    )
    table.add_row("fits", _FITS[choice.fits])
    console.print(table)
    console.print(f"{choice.estimate.parameters:,} parameters; {choice.because}", soft_wrap=True)


_FITS = {True: "[green]yes", False: "[red]no", None: "unknown"}
