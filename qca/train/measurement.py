"""Measure a few steps of each recompute strategy on this machine, each in its own process.

`qca.train.step_timing` is that process. This module works without torch.
"""

# safetensors' annotations are incomplete.
# pyright: reportUnknownVariableType=false
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from qca.core.config import ResolvedDevice, ResolvedPrecision, TrainConfig
from qca.core.diagnostics import log_command
from qca.core.errors import LaunchError
from qca.core.json_object import parse_object
from qca.core.step_timing import StepTiming
from qca.core.units import format_size
from qca.memory.budget import Estimate, estimate
from qca.memory.machine import Machine
from qca.memory.step_timings import keep_step_timings
from qca.memory.ways import Way, list_ways
from qca.train.distributed.torch_env import prepare_environment

# On a GPU, four times the longest segment; fewer on a CPU, which takes a second or more per step.
_STEPS: dict[ResolvedDevice, int] = {"cuda": 64, "cpu": 8}
# A few episodes of that many steps take seconds on a GPU and minutes on a CPU. If they take longer
# than this, the device hangs or is far too slow to train on.
_LONGEST_SECONDS = 3600.0

Announce = Callable[[int, int, Way], None]
"""A function that is called before each measurement with its number, the total and the way."""


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
    machine: Machine,
    precisions: list[ResolvedPrecision],
    free: int | None,
    announce: Announce,
) -> list[Measurement]:
    """Measure each strategy that fits the budget or the free memory; cache the results for later
    plans.

    Raises:
        LaunchError: nothing could be measured, for example because torch is not installed.

    """
    prepare_environment()  # child processes inherit it
    short = train.override(steps=min(train.steps, _STEPS[machine.device]), device=machine.device)
    ways = list(list_ways(short, machine.device, precisions))
    found: list[Measurement] = []
    with TemporaryDirectory(prefix="qca-measure-") as folder:
        for number, way in enumerate(ways, 1):
            announce(number, len(ways), way)
            found.append(_measure(short, way, machine, free, Path(folder)))
    timings = [measurement.timing for measurement in found if measurement.timing]
    if not timings:
        raise _nothing_measured_error(found, train.budget)
    keep_step_timings(timings)
    return found


def _nothing_measured_error(found: list[Measurement], budget: int | None) -> LaunchError:
    """Return the error of the strategy that needs the least memory; prefer those that were run."""
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


def _measure(
    train: TrainConfig, way: Way, machine: Machine, free: int | None, folder: Path
) -> Measurement:
    resolved = train.override(**way._asdict(), optimizer_state="device")
    needs = estimate(resolved, recompute=way.recompute, machine=machine)
    on_gpu = machine.device == "cuda"
    predicted = needs.predicted_peak_bytes if on_gpu else needs.total_bytes
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
    return f"needs {format_size(needs.total_bytes)}, which exceeds the {format_size(budget)} budget"


def _time(train: TrainConfig, limit_bytes: int, gradient: Path) -> dict[str, Any]:
    request = {"train": asdict(train), "limit_bytes": limit_bytes, "gradient": str(gradient)}
    command = [sys.executable, "-P", "-m", "qca.train.step_timing"]
    with log_command(command) as run:
        try:
            done = subprocess.run(
                command,
                input=json.dumps(request),
                capture_output=True,
                text=True,
                check=False,
                timeout=_LONGEST_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return {"error": f"it did not finish within {_LONGEST_SECONDS:g} s"}
        run.exit_code = done.returncode
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
