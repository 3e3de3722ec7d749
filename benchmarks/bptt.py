"""Compare back-propagation through time in this project's episode with plain autograd.

`python -m benchmarks.bptt --device cpu --grid 16 --d-state 4 --hidden-channels 16 --steps 50`

Both sides train the same model from the same states with the same noise and loss, at the same
precision, for which plain autograd uses torch's autocast. The sides run one after the other, each
in a separate process. An episode consists of forward, backward and AdamW's step. In precisions
other than fp32, the project's episode also runs in fp32, to print the drift of its loss and
gradient.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
import psutil
from pydantic import ValidationError
from safetensors.numpy import load_file

from qca.core.config import TrainConfig
from qca.core.errors import InputError
from qca.core.gpu_kernels import can_run_kernels
from qca.core.units import format_size, parse_size
from qca.memory.budget import estimate
from qca.memory.machine import Machine
from qca.memory.nvml import read_compute_capability, read_free_gpu_memory
from qca.train.distributed.torch_env import prepare_environment

_PEAK_MEANS = {
    "cpu": "peak resident set of the process, less its peak before the model was made",
    "cuda": "peak of the bytes that the allocator reserved (torch max_memory_reserved)",
}
_PRECISIONS = ["fp32", "tf32", "bf16", "fp16"]
_RECOMPUTE = ["none", "step", "two-level", "host"]


@click.command()
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu")
@click.option("--grid", type=int, default=64)
@click.option("--d-state", type=int, default=14)
@click.option("--hidden-channels", type=int, default=128)
@click.option("--steps", type=int, default=500)
@click.option("--batch-size", type=int, default=1)
@click.option("--loss", default="evolutionary")
@click.option("--update", type=click.Choice(["cartesian", "unitary"]), default="cartesian")
@click.option("--gamma", type=float, default=0.01)
@click.option("--max-noise", "--noise-rate", type=float, default=0.0)
@click.option("--precision", type=click.Choice(_PRECISIONS), default="fp32")
@click.option("--recompute", type=click.Choice(_RECOMPUTE), default="step")
@click.option("--segment", type=click.IntRange(min=1), default=1)
@click.option("--optimizer-state", type=click.Choice(["device", "host"]), default="device")
@click.option("--compare", type=click.Choice(["naive", "none"]), default="naive")
@click.option("--repeats", type=click.IntRange(min=1), default=3)
@click.option("--threads", type=int, default=0, help="torch's threads; 0 keeps the default.")
@click.option("--deterministic", is_flag=True, help="Use only deterministic kernels (CUDA).")
@click.option(
    "--limit",
    help="Hold the project's allocator to so much of the GPU; as `qca train` does, to the "
    "predicted peak if not given.",
)
@click.option(
    "--multiprocessors",
    type=click.IntRange(min=1),
    help="Emulate a smaller GPU: give both sides so many of this one's (CUDA, a green context).",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    help="Stop after so many seconds for each side, and print where it was.",
)
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
def main(
    compare: str,
    repeats: int,
    threads: int,
    deterministic: bool,
    limit: str | None,
    multiprocessors: int | None,
    timeout: float | None,
    output: str,
    **settings: Any,
) -> None:
    """Compare an episode's time, peak memory and gradient with plain autograd's."""
    try:
        config = TrainConfig(**settings)
        limit_bytes = None if limit is None else parse_size(limit)
    except ValidationError as error:
        first = error.errors()[0]
        raise click.BadParameter(f"{first['loc'][0]}: {first['msg']}") from None
    except InputError as error:
        raise click.BadParameter(f"--limit: {error}") from None
    prepare_environment()  # child processes inherit these variables
    request = {
        "repeats": repeats,
        "threads": threads,
        "deterministic": deterministic,
        "limit_bytes": _predict_peak(config) if limit_bytes is None else limit_bytes,
        "multiprocessors": multiprocessors,
        "timeout": timeout,
    }
    with tempfile.TemporaryDirectory(prefix="qca-bptt-") as folder:
        result = measure_all(config, request, compare == "naive", Path(folder))
    click.echo(json.dumps(result, indent=2) if output == "json" else format_text(result))


def measure_all(
    config: TrainConfig, request: dict[str, Any], compare: bool, folder: Path
) -> dict[str, Any]:
    """Measure all sides and return the results to print."""
    result: dict[str, Any] = {
        "schema_version": 1,
        "config": asdict(config),
        **request,
        "peak_means": _PEAK_MEANS[config.device],
        "predicted_peak_bytes": _predict_peak(config),
        "project": _measure("project", config, request, folder),
        "naive": None,
        "gradient_relative_error": None,
        "ratios": None,
        "drift": None,
    }
    if config.precision != "fp32":
        result["drift"] = _measure_drift(config, request, folder, result["project"])
    if not compare:
        return result
    plain = config.override(recompute="none", optimizer_state="device")
    unheld = {**request, "limit_bytes": None}
    result["naive"] = naive = _refuse_if_too_large(plain) or _measure(
        "naive", plain, unheld, folder
    )
    if "peak_bytes" in naive:
        project = result["project"]
        result["gradient_relative_error"] = _compare_gradients(folder, "project", "naive")
        result["ratios"] = {
            "time": project["seconds_per_episode"] / naive["seconds_per_episode"],
            "memory": project["peak_bytes"] / naive["peak_bytes"],
        }
    return result


def format_text(result: dict[str, Any]) -> str:
    """Return the result as readable text."""
    config, project = result["config"], result["project"]
    count = result["multiprocessors"]
    emulated = "" if count is None else f", {count} of its multiprocessors by a green context"
    lines = [
        f"{config['device']} ({project['device_name']}{emulated}), "
        f"torch {project['torch']}, {project['threads']} threads; "
        f"grid {config['grid']}, d_state {config['d_state']}, "
        f"hidden_channels {config['hidden_channels']}, {config['steps']} steps, "
        f"batch {config['batch_size']}, {config['loss']}, {config['update']}, "
        f"{config['precision']}",
        f"peak: {result['peak_means']}",
        _format_side(f"project ({config['recompute']}, segment {config['segment']})", project)
        + f", predicted {format_size(result['predicted_peak_bytes'])}",
    ]
    if project["eager_because"]:
        lines.append(f"without CUDA graphs: {project['eager_because']}")
    if result["naive"]:
        lines.append(_format_side("plain autograd", result["naive"]))
    if result["ratios"]:
        lines += [
            f"ratios: time {result['ratios']['time']:.3g}, memory {result['ratios']['memory']:.3g}",
            f"largest relative error of a parameter's gradient: "
            f"{result['gradient_relative_error']:.2g}",
        ]
    if drift := result["drift"]:
        lines.append(
            f"drift from fp32: loss {project['loss']:.6g} instead of {drift['loss']:.6g}; the "
            f"whole gradient is off by {drift['gradient_relative_error']:.2g} of its norm "
            f"(cosine {drift['gradient_cosine']:.4f}); {project['skipped']} episodes skipped"
        )
    return "\n".join(lines)


def _format_side(name: str, side: dict[str, Any]) -> str:
    if "needs_bytes" in side:
        return (
            f"{name}: does not fit: needs about {format_size(side['needs_bytes'])}, "
            f"{format_size(side['available_bytes'])} are free"
        )
    peak = format_size(side["peak_bytes"])
    return f"{name}: {side['seconds_per_episode']:.3f} s per episode, peak {peak}"


def _measure(
    side: str, config: TrainConfig, request: dict[str, Any], folder: Path
) -> dict[str, Any]:
    """Return what one side measures in its own process, which saves its gradient in `folder`."""
    side_request = {
        **request,
        "naive": side == "naive",
        "config": asdict(config),
        "save": str(_gradient_path(folder, side)),
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bptt_worker"],
        input=json.dumps(side_request),
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise click.ClickException(
            f"the side {side} failed with exit code {done.returncode}"
            + (" (killed: out of memory?)" if done.returncode == -9 else "")
        )
    return json.loads(done.stdout)


def _measure_drift(
    config: TrainConfig, request: dict[str, Any], folder: Path, project: dict[str, Any]
) -> dict[str, float]:
    exact = config.override(precision="fp32")
    once = {**request, "repeats": 1, "limit_bytes": _predict_peak(exact)}
    loss = _measure("fp32", exact, once, folder)["loss"]
    found, expected = _load_whole_gradient(folder, "project"), _load_whole_gradient(folder, "fp32")
    norms = float(np.linalg.norm(found) * np.linalg.norm(expected))
    return {
        "loss": loss,
        "loss_difference": project["loss"] - loss,
        "gradient_relative_error": _compute_error(found, expected),
        "gradient_cosine": float(found @ expected) / norms,
    }


def _predict_peak(config: TrainConfig) -> int:
    assert config.recompute != "auto"
    found = estimate(config, recompute=config.recompute, machine=_describe_machine(config))
    return found.predicted_peak_bytes


def _describe_machine(config: TrainConfig) -> Machine:
    if config.device != "cuda":
        return Machine("cpu", fused=False)
    return Machine("cuda", fused=can_run_kernels(read_compute_capability()))


def _refuse_if_too_large(config: TrainConfig) -> dict[str, Any] | None:
    """Return the refusal of a plain episode that could bring down the machine; None if it fits."""
    machine = _describe_machine(config)
    needs = estimate(config, recompute="none", machine=machine).total_bytes
    on_gpu = machine.device == "cuda"
    available = read_free_gpu_memory() if on_gpu else psutil.virtual_memory().available
    if available is None or needs <= available:
        return None
    return {"fits": False, "needs_bytes": needs, "available_bytes": available}


def _compare_gradients(folder: Path, side: str, other: str) -> float:
    """Return the largest |side - other| / |other| over the parameters' gradients."""
    found, expected = (
        load_file(_gradient_path(folder, side)),
        load_file(_gradient_path(folder, other)),
    )
    return max(_compute_error(found[name], expected[name]) for name in expected)


def _load_whole_gradient(folder: Path, side: str) -> np.ndarray:
    gradients = load_file(_gradient_path(folder, side))
    return np.concatenate([gradients[name].ravel() for name in sorted(gradients)]).astype(float)


def _compute_error(found: np.ndarray, expected: np.ndarray) -> float:
    difference = float(np.linalg.norm(found.astype(np.float64) - expected))
    return difference / float(np.linalg.norm(expected)) if difference else 0.0


def _gradient_path(folder: Path, side: str) -> Path:
    return folder / f"{side}.safetensors"


if __name__ == "__main__":
    main()
