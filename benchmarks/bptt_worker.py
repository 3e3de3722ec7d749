"""One side of `benchmarks.bptt`, in a process of its own so that its peak is its own.

Makes episodes as a training does, AdamW's step included, and prints one JSON object.
"""

import json
import statistics
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import save_file

from qca.config import TrainConfig
from qca.model.evolution import Evolution
from qca.model.losses import LOSSES
from qca.model.noise import Noise
from qca.model.state import initial_state
from qca.train.episode import adjoint_episode, plain_episode
from qca.train.memory import peak_memory, peak_resident_bytes
from qca.train.trainer import new_model


def main() -> None:
    """Measure what the JSON object on stdin asks for."""
    request = json.load(sys.stdin)
    if request["threads"]:
        torch.set_num_threads(request["threads"])
    if request["deterministic"]:
        torch.use_deterministic_algorithms(True)
    # Strict float32 on both sides: no TF32 in convolutions or products.
    torch.backends.fp32_precision = "ieee"  # pyright: ignore[reportAttributeAccessIssue]
    config = TrainConfig.model_validate(request["config"])
    print(json.dumps(measure(config, request["repeats"], request["noise_rate"], request["save"])))


def measure(config: TrainConfig, repeats: int, noise_rate: float, save: str) -> dict[str, object]:
    """Return times and peak of `repeats` episodes; the first episode's gradient goes to `save`.

    The first episode is not timed: it warms up what is warmed up once.
    """
    device = torch.device(config.device)
    baseline = peak_resident_bytes()
    evolution = Evolution(new_model(config).to(device), config.gamma, config.update)
    optimizer = torch.optim.AdamW(evolution.parameters(), lr=config.learning_rate)
    run = plain_episode if config.recompute == "none" else adjoint_episode
    samples = range(config.batch_size)
    psi = initial_state(config.seed, samples, d_state=config.d_state, grid=config.grid).to(device)
    seconds: list[float] = []
    for repeat in range(repeats + 1):
        begun = _now(device)
        optimizer.zero_grad(set_to_none=True)
        run(
            evolution,
            psi,
            steps=config.steps,
            loss=LOSSES[config.loss](),
            disturb=Noise(config.seed, samples, noise_rate),
        )
        if repeat == 0:
            _save_gradient(evolution, Path(save))
        optimizer.step()
        if repeat > 0:
            seconds.append(_now(device) - begun)
    memory = peak_memory(device)
    return {
        "seconds_per_episode": statistics.median(seconds),
        "seconds": seconds,
        "peak_bytes": memory.reserved or memory.used - baseline,
        "allocated_bytes": memory.used if memory.reserved else None,
        "reserved_bytes": memory.reserved,
        "baseline_bytes": None if memory.reserved else baseline,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
    }


def _save_gradient(evolution: Evolution, path: Path) -> None:
    named = evolution.model.named_parameters()
    save_file({name: p.grad.cpu() for name, p in named if p.grad is not None}, path)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


if __name__ == "__main__":
    main()
