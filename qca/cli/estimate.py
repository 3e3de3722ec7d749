"""`qca estimate`: predict the peak memory of a training run, with a breakdown."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import psutil

from qca.cli.host_facts import find_resident_floor
from qca.cli.messages import note
from qca.cli.options import Command, config_flag, config_option, format_option, read_config
from qca.cli.signals import unwind_on_sigterm
from qca.core.config import ResolvedDevice, TrainConfig, apply_profile
from qca.core.distribution import require_extra
from qca.core.errors import SOLVE_HINT, PlanError
from qca.core.gpu_kernels import can_run_kernels
from qca.core.step_timing import StepTiming
from qca.core.units import format_size
from qca.memory.choose import Choice, choose
from qca.memory.context import Context
from qca.memory.machine import Machine
from qca.memory.nvml import read_compute_capability, read_free_gpu_memory, read_gpu_name
from qca.memory.optimizer_placement import explain_host_placement
from qca.memory.solve import Dimension, solve
from qca.memory.step_timings import read_step_timings
from qca.memory.ways import Way, list_precisions

_SCHEMA_VERSION = 1

# The keys of the [train] table that affect memory; only they have flags here.
_KEYS = (
    "profile",
    "device",
    "grid",
    "d_state",
    "hidden_channels",
    "steps",
    "batch_size",
    "update",
    "gamma",
    "loss",
    "max_noise",
    "precision",
    "recompute",
    "segment",
    "tapes",
    "optimizer_state",
    "budget",
)


def _train_options(command: Command) -> Command:
    """Add a flag for each of `_KEYS`; its value is checked with the configuration."""
    for name in reversed(_KEYS):
        command = config_flag("train", name)(command)
    return command


@click.command()
@_train_options
@click.option(
    "--optimizer",
    type=click.Choice(["adamw"]),
    default="adamw",
    show_default=True,
    expose_value=False,
    help="The optimizer, which keeps two moments per parameter.",
)
@click.option(
    "--solve",
    "dimension",
    type=click.Choice(["batch", "grid", "steps"]),
    help="Find the largest value that fits the budget, with everything else unchanged.",
)
@click.option(
    "--measure",
    "is_measured",
    is_flag=True,
    help="Time a few steps of each recompute strategy on this machine, and compare time and "
    "memory.",
)
@config_option
@format_option
def estimate(
    config_file: Path | None,
    dimension: Dimension | None,
    is_measured: bool,
    format_: str,
    **flags: Any,
) -> None:
    """Predict the peak memory of a training run without running it.

    The configuration is the one that `qca train` would read, but it is not adapted to this host:
    without a file or flags it is the full model on a GPU.

    The budget is --budget, or by default the GPU's free memory. If that is unknown, `budget` and
    `fits` are unknown too (null in JSON), and the exit code is 0.

    With --solve, the plan may keep states in host memory, up to what this machine has available
    now.

    --measure needs torch and takes a minute or two. Later plans for the same device and sizes use
    the measured times instead of the built-in ones.

    The exit code is 1 if peak and context together exceed the budget.
    """
    if is_measured and dimension:
        raise click.UsageError("--measure and --solve cannot be combined.")
    train = _apply_named_profile(read_config(config_file, flags).train)
    with unwind_on_sigterm():
        if is_measured:
            _measure(train, format_)
        else:
            _predict(train, dimension, format_)


def _predict(train: TrainConfig, dimension: Dimension | None, format_: str) -> None:
    """Print the predicted peak, or the largest run that fits.

    Raises:
        PlanError: it does not fit.

    """
    machine = _describe_cpu() if train.device == "cpu" else _describe_gpu()
    if dimension:
        # Without a limit, states in host memory would allow an episode of any length.
        machine = replace(machine, host_budget=psutil.virtual_memory().available)
    budget = train.budget
    if budget is None and machine.device == "cuda":
        budget = read_free_gpu_memory()
    choice, solved = _choose(train, budget, dimension, machine)
    if format_ == "json":
        click.echo(json.dumps(_build_document(choice, machine.device, solved), indent=2))
    else:
        _print_table(choice, machine.device, solved)
        reason = explain_host_placement(train, choice, machine)
        if reason is not None:
            click.echo(reason)
    if choice.fits is False:
        raise PlanError("training does not fit", hint=SOLVE_HINT)


def _measure(train: TrainConfig, format_: str) -> None:
    """Measure the ways to run `train` on the device that it would use, and print them."""
    with require_extra("train", "--measure"):
        from qca.cli.measure import build_measurement_document, describe_way, print_measurements
        from qca.train.measurement import measure_ways

    def announce(number: int, count: int, way: Way) -> None:
        note(f"Measuring {number} of {count}: {describe_way(way)}.")

    capability = None if train.device == "cpu" else read_compute_capability()
    if capability or train.device == "cuda":
        machine, free = _describe_gpu(), read_free_gpu_memory()
    else:
        machine, free = _describe_cpu(), psutil.virtual_memory().available
    found = measure_ways(train, machine, list_precisions(capability), free, announce)
    if format_ == "json":
        rows = build_measurement_document(found, train.steps)
        document = {"schema_version": _SCHEMA_VERSION, "steps": train.steps, "measurements": rows}
        click.echo(json.dumps(document, indent=2))
    else:
        print_measurements(found, train.steps)


def _apply_named_profile(train: TrainConfig) -> TrainConfig:
    """Apply the profile, if one is named; the profile `cpu` sets the device to the CPU."""
    if train.profile == "auto":
        return train
    if train.profile == "cpu" and train.device == "auto":
        train = train.override(device="cpu")
    return apply_profile(train, train.profile)


def _choose(
    train: TrainConfig,
    budget: int | None,
    dimension: Dimension | None,
    machine: Machine,
) -> tuple[Choice, dict[str, Any] | None]:
    """Return the way to run `train`, and the result of --solve if it was given."""
    if dimension is None:
        return choose(train, budget, machine), None
    if budget is None:
        raise click.UsageError(
            f"--solve {dimension} needs a --budget: the free GPU memory is unknown."
        )
    solution = solve(train, budget, dimension, machine)
    return solution.choice, {"dimension": dimension, "value": solution.value}


def _describe_cpu() -> Machine:
    return Machine(
        "cpu", fused=False, resident_floor=find_resident_floor(), timings=_find_timings("cpu")
    )


def _describe_gpu() -> Machine:
    return Machine(
        "cuda",
        fused=can_run_kernels(read_compute_capability()),
        timings=_find_timings(read_gpu_name()),
    )


def _find_timings(device: str | None) -> tuple[StepTiming, ...]:
    """Return the step times measured on this device with this version of torch."""
    from importlib import metadata  # slow to import

    try:
        timings = read_step_timings(metadata.version("torch"))
    except metadata.PackageNotFoundError:
        return ()
    return tuple(timing for timing in timings if timing.device == device)


def _build_document(
    choice: Choice, device: ResolvedDevice, solved: dict[str, Any] | None
) -> dict[str, Any]:
    predicted = choice.estimate
    return {
        "schema_version": _SCHEMA_VERSION,
        "parameters": predicted.parameters,
        "predicted_peak_bytes": predicted.predicted_peak_bytes,
        "breakdown": asdict(predicted.breakdown),
        "context_bytes": predicted.context_bytes,
        "context": asdict(predicted.context),
        "budget_bytes": choice.budget_bytes,
        "fits": choice.fits,
        "device": device,
        "recompute": choice.recompute,
        "segment": choice.segment,
        "tapes": choice.tapes,
        "precision": choice.precision,
        "optimizer_state": choice.optimizer_state,
        "host_bytes": choice.host_bytes,
        "because": choice.because,
        **({"solved": solved} if solved else {}),
    }


def _print_table(choice: Choice, device: ResolvedDevice, solved: dict[str, Any] | None) -> None:
    from rich.console import Console  # slow to import, and not needed for JSON
    from rich.table import Table

    console = Console(highlight=False)
    if solved:
        dimension, value = solved["dimension"], solved["value"]
        console.print(f"largest value of {dimension} that fits: [bold]{value}[/bold]")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    for name, size in asdict(choice.estimate.breakdown).items():
        table.add_row(name, format_size(size))
    table.add_row(
        "[bold]predicted peak", f"[bold]{format_size(choice.estimate.predicted_peak_bytes)}"
    )
    table.add_row(*_describe_context(choice.estimate.context, device))
    table.add_row(
        "budget", "unknown" if choice.budget_bytes is None else format_size(choice.budget_bytes)
    )
    table.add_row("fits", _FITS[choice.fits])
    console.print(table)
    console.print(f"{choice.estimate.parameters:,} parameters; {choice.because}", soft_wrap=True)


def _describe_context(context: Context, device: ResolvedDevice) -> tuple[str, str]:
    size = format_size(context.total)
    if device == "cuda":
        return "context", size
    source = "measured here" if context.measured else "built-in figure for a CPU wheel"
    return f"context (Python with torch {format_size(context.runtime)}, {source})", size


_FITS = {True: "[green]yes", False: "[red]no", None: "unknown"}
