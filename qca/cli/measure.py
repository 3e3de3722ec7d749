"""`qca estimate --measure`: time a few steps of each recompute strategy on this machine."""

# safetensors' annotations are incomplete.
# pyright: reportUnknownVariableType=false
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from qca.cli.messages import note
from qca.core.config import ResolvedDevice, TrainConfig
from qca.core.errors import LaunchError
from qca.core.gpu_kernels import can_run_kernels
from qca.core.json_object import parse_object
from qca.core.step_timing import StepTiming
from qca.core.units import format_size
from qca.memory.budget import Estimate, estimate
from qca.memory.step_timings import keep_step_timings
from qca.memory.ways import Way, list_precisions, list_ways
from qca.train.distributed.torch_env import prepare_environment

# On a GPU, four times the longest segment; fewer on a CPU, which takes a second or more per step.
_STEPS: dict[ResolvedDevice, int] = {"cuda": 64, "cpu": 8}


@dataclass(frozen=True)
class Measurement:
    """One way to run an episode, with its predicted memory and the measurement of a few steps."""

    way: Way
    predicted_bytes: int
    """Peak of the measured steps: the GPU allocator's, or the resident set."""
    timing: StepTiming | None
    error: str | None = None
    was_run: bool = True
    """Whether it was tried; false if it needs too much memory."""


def measure_ways(
    train: TrainConfig,
    device: ResolvedDevice,
    compute_capability: tuple[int, int] | None,
    free: int | None,
    resident_floor: int | None,
) -> list[Measurement]:
    """Measure each strategy that fits the budget or the free memory; cache the results for later
    plans.

    Raises:
        LaunchError: nothing could be measured, for example because torch is not installed.

    """
    prepare_environment()  # child processes inherit it
    short = train.override(steps=min(train.steps, _STEPS[device]), device=device)
    ways = list(list_ways(short, device, list_precisions(compute_capability)))
    fused = can_run_kernels(compute_capability)
    with TemporaryDirectory(prefix="qca-measure-") as folder:
        found = [
            _measure(short, way, free, Path(folder), resident_floor=resident_floor, fused=fused)
            for way in _announce(ways)
        ]
    timings = [measurement.timing for measurement in found if measurement.timing]
    if not timings:
        raise _nothing_measured_error(found, train.budget)
    keep_step_timings(timings)
    return found


def _nothing_measured_error(found: list[Measurement], budget: int | None) -> LaunchError:
    """Return the error of the smallest strategy that was run, or of the smallest if none was."""
    closest = min(
        found, key=lambda measurement: (not measurement.was_run, measurement.predicted_bytes)
    )
    if closest.was_run:
        hint = "Try `qca doctor --only QCA501`."
    elif budget is None:
        hint = "Free memory, or measure a smaller --grid or --batch-size."
    else:
        hint = "Raise --budget, or measure a smaller --grid or --batch-size."
    return LaunchError(f"nothing could be measured: {closest.error}", hint=hint)


def _announce(ways: list[Way]) -> Iterator[Way]:
    for number, way in enumerate(ways, 1):
        note(f"Measuring {number} of {len(ways)}: {_describe(way)}.")
        yield way


def _describe(way: Way) -> str:
    segment = f" in segments of {way.segment} steps" if way.segment > 1 else ""
    return f"recompute {way.recompute}{segment} in {way.precision}"


def _measure(
    train: TrainConfig,
    way: Way,
    free: int | None,
    folder: Path,
    *,
    resident_floor: int | None,
    fused: bool,
) -> Measurement:
    resolved = train.override(**way._asdict(), optimizer_state="device")
    device: ResolvedDevice = "cuda" if train.device == "cuda" else "cpu"
    needs = estimate(
        resolved,
        recompute=way.recompute,
        device=device,
        resident_floor=resident_floor,
        fused=fused,
    )
    predicted = needs.predicted_peak_bytes if device == "cuda" else needs.total_bytes
    if lack := _explain_lack(needs, train.budget, free):
        return Measurement(way, predicted, None, lack, was_run=False)
    answer = _time(resolved, needs.predicted_peak_bytes, folder / f"{way.precision}.safetensors")
    if error := answer.get("error"):
        return Measurement(way, predicted, None, str(error))
    timing = StepTiming(
        **{name: answer[name] for name in ("device", "torch", "seconds", "peak_bytes")},
        **{name: getattr(train, name) for name in ("grid", "d_state", "hidden_channels")},
        **{name: getattr(train, name) for name in ("batch_size", "update", "steps")},
        **way._asdict(),
        drift=_measure_drift(way, folder),
    )
    return Measurement(way, predicted, timing)


def _explain_lack(needs: Estimate, budget: int | None, free: int | None) -> str | None:
    """Return why a strategy does not fit the budget or, without one, the free memory; None if it
    fits."""
    limit = free if budget is None else budget
    if limit is None or needs.fits(limit):
        return None
    if budget is None:
        return f"needs {format_size(needs.total_bytes)}, but only {format_size(limit)} is free"
    return f"needs {format_size(needs.total_bytes)}, which exceeds the budget {format_size(budget)}"


def _time(train: TrainConfig, limit_bytes: int, gradient: Path) -> dict[str, Any]:
    request = {"train": asdict(train), "limit_bytes": limit_bytes, "gradient": str(gradient)}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "qca.train.step_timing"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    return _parse_answer(done)


def _parse_answer(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    if done.returncode == 0:
        return parse_object(done.stdout)
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    return {"error": f"it failed with exit code {done.returncode}: {last}"}


def _measure_drift(way: Way, folder: Path) -> float | None:
    """Return a gradient's error relative to the norm of the fp32 gradient."""
    exact = folder / "fp32.safetensors"
    if way.precision == "fp32" or not exact.exists():
        return None
    expected = _load_gradient(exact)
    found = _load_gradient(folder / f"{way.precision}.safetensors")
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def _load_gradient(path: Path) -> NDArray[np.float64]:
    tensors = load_file(path)
    return np.concatenate([tensors[name].ravel() for name in sorted(tensors)]).astype(np.float64)


def build_measurement_document(found: list[Measurement], steps: int) -> list[dict[str, Any]]:
    """Return the measurements as JSON, each with the seconds per episode of `steps` steps."""
    return [_encode(measurement, steps) for measurement in found]


def _encode(measurement: Measurement, steps: int) -> dict[str, Any]:
    timing = measurement.timing
    return {
        **measurement.way._asdict(),
        "predicted_bytes": measurement.predicted_bytes,
        "measured_bytes": timing.peak_bytes if timing else None,
        "measured_steps": timing.steps if timing else None,
        "batch_size": timing.batch_size if timing else None,
        "seconds_per_episode": timing.seconds * steps if timing else None,
        "samples_per_second": _count_samples(timing, steps) if timing else None,
        "drift": timing.drift if timing else None,
        "error": measurement.error,
    }


def _count_samples(timing: StepTiming, steps: int) -> float:
    return timing.batch_size / (timing.seconds * steps)


def print_measurements(found: list[Measurement], steps: int) -> None:
    """Print the measurements as a table."""
    from rich.console import Console  # slow to import, and not needed for JSON
    from rich.table import Table

    titles = ("recompute", "segment", "precision", "seconds", "samples/s")
    table = Table(*titles, "peak", "predicted", "drift", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", True
    for measurement in found:
        way = (measurement.way.recompute, str(measurement.way.segment), measurement.way.precision)
        table.add_row(*way, *_format_results(measurement, steps))
    console = Console(highlight=False)
    console.print(table)
    for line in _describe_conditions(found, steps):
        console.print(line)


def _format_results(measurement: Measurement, steps: int) -> tuple[str, ...]:
    predicted = format_size(measurement.predicted_bytes)
    if measurement.timing is None:
        return ("", "", "", predicted, "")
    timing = measurement.timing
    return (
        f"{timing.seconds * steps:.3g}",
        f"{_count_samples(timing, steps):.3g}",
        format_size(timing.peak_bytes),
        predicted,
        "" if timing.drift is None else f"{timing.drift:.1g}",
    )


def _describe_conditions(found: list[Measurement], steps: int) -> Iterator[str]:
    yield from (
        f"Not measured: {_describe(measurement.way)}: {measurement.error}."
        for measurement in found
        if measurement.error
    )
    timing = next(measurement.timing for measurement in found if measurement.timing)
    yield (
        f"Measured on {timing.device} with torch {timing.torch} and batch {timing.batch_size}: the "
        f"peak of {timing.steps} steps, the seconds per episode of {steps} steps, and the drift "
        "(the error of the gradient relative to fp32)."
    )
