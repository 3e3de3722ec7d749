"""Back-propagation through time: this project's episode beside plain autograd's.

`python -m benchmarks.bptt --device cpu --grid 16 --d-state 4 --hidden-channels 16 --steps 50`

Both sides run the same model, states, noise and loss in strict float32, each in a process
of its own, and an episode is what a training does: forward, backward, AdamW's step.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np
import psutil
from pydantic import ValidationError
from safetensors.numpy import load_file

from qca.config import TrainConfig
from qca.memory.budget import estimate
from qca.memory.free import free_gpu_memory
from qca.train.environment import prepare_environment
from qca.units import format_size

_PEAK_MEANS = {
    "cpu": "peak resident set of the process, less its peak before the model was made",
    "cuda": "peak of the bytes that the allocator reserved (torch max_memory_reserved)",
}


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
@click.option("--noise-rate", type=float, default=0.0)
@click.option("--compare", type=click.Choice(["naive", "none"]), default="naive")
@click.option("--repeats", type=click.IntRange(min=1), default=3)
@click.option("--threads", type=int, default=0, help="Of torch; 0 leaves them as they are.")
@click.option("--deterministic", is_flag=True, help="Only deterministic kernels (CUDA).")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
def main(
    compare: str,
    repeats: int,
    noise_rate: float,
    threads: int,
    deterministic: bool,
    output: str,
    **settings: Any,
) -> None:
    """Measure an episode's time, peak memory and gradient against plain autograd's."""
    try:
        config = TrainConfig.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        raise click.BadParameter(f"{first['loc'][0]}: {first['msg']}") from None
    prepare_environment()  # the children inherit it
    request = {
        "repeats": repeats,
        "noise_rate": noise_rate,
        "threads": threads,
        "deterministic": deterministic,
    }
    with tempfile.TemporaryDirectory(prefix="qca-bptt-") as folder:
        result = run(config, request, compare == "naive", Path(folder))
    click.echo(json.dumps(result, indent=2) if output == "json" else as_text(result))


def run(
    config: TrainConfig, request: dict[str, Any], compare: bool, folder: Path
) -> dict[str, Any]:
    """Measure both sides and return everything that is printed."""
    result: dict[str, Any] = {
        "schema_version": 1,
        "config": config.model_dump(mode="json"),
        **request,
        "peak_means": _PEAK_MEANS[config.device],
        "project": _measure(config, "step", request, folder),
        "naive": None,
        "gradient_relative_error": None,
        "ratios": None,
    }
    if not compare:
        return result
    result["naive"] = naive = _does_not_fit(config) or _measure(config, "none", request, folder)
    if "peak_bytes" in naive:
        project = result["project"]
        result["gradient_relative_error"] = _relative_error(folder)
        result["ratios"] = {
            "time": project["seconds_per_episode"] / naive["seconds_per_episode"],
            "memory": project["peak_bytes"] / naive["peak_bytes"],
        }
    return result


def as_text(result: dict[str, Any]) -> str:
    """Return the result for people."""
    config = result["config"]
    lines = [
        f"{config['device']} ({result['project']['device_name']}), "
        f"torch {result['project']['torch']}, {result['project']['threads']} threads; "
        f"grid {config['grid']}, d_state {config['d_state']}, "
        f"hidden_channels {config['hidden_channels']}, {config['steps']} steps, "
        f"batch {config['batch_size']}, {config['loss']}, {config['update']}",
        f"peak: {result['peak_means']}",
        _side("project (one step's graph)", result["project"]),
    ]
    if result["naive"]:
        lines.append(_side("plain autograd", result["naive"]))
    if result["ratios"]:
        lines += [
            f"ratios: time {result['ratios']['time']:.3g}, memory {result['ratios']['memory']:.3g}",
            f"largest relative error of a parameter's gradient: "
            f"{result['gradient_relative_error']:.2g}",
        ]
    return "\n".join(lines)


def _side(name: str, side: dict[str, Any]) -> str:
    if "needs_bytes" in side:
        return (
            f"{name}: does not fit: needs about {format_size(side['needs_bytes'])}, "
            f"{format_size(side['available_bytes'])} are free"
        )
    peak = format_size(side["peak_bytes"])
    return f"{name}: {side['seconds_per_episode']:.3f} s an episode, peak {peak}"


def _measure(
    config: TrainConfig, recompute: str, request: dict[str, Any], folder: Path
) -> dict[str, Any]:
    """Run one side in its own process."""
    chosen = config.model_copy(update={"recompute": recompute}).model_dump(mode="json")
    asked = {**request, "config": chosen, "save": str(_gradient(folder, recompute))}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bptt_worker"],
        input=json.dumps(asked),
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise click.ClickException(
            f"the side with recompute={recompute} ended with {done.returncode}"
            + (" (killed: out of memory?)" if done.returncode == -9 else "")
        )
    return json.loads(done.stdout)


def _does_not_fit(config: TrainConfig) -> dict[str, Any] | None:
    """Keep a plain episode that cannot fit from taking the machine down with it."""
    device = "cuda" if config.device == "cuda" else "cpu"
    needs = estimate(config, recompute="none", device=device).total_bytes
    available = free_gpu_memory() if device == "cuda" else psutil.virtual_memory().available
    if available is None or needs <= available:
        return None
    return {"fits": False, "needs_bytes": needs, "available_bytes": available}


def _relative_error(folder: Path) -> float:
    """Return the largest |project - plain| / |plain| over the parameters' gradients."""
    project = load_file(_gradient(folder, "step"))
    plain = load_file(_gradient(folder, "none"))
    return max(_error(project[name], plain[name]) for name in plain)


def _error(project: np.ndarray, plain: np.ndarray) -> float:
    difference = float(np.linalg.norm(project.astype(np.float64) - plain))
    return difference / float(np.linalg.norm(plain)) if difference else 0.0


def _gradient(folder: Path, recompute: str) -> Path:
    return folder / f"{recompute}.safetensors"


if __name__ == "__main__":
    main()
