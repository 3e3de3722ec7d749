"""Run one side of `benchmarks.bptt`, in a separate process to measure its peak memory.

It runs episodes as a training run does, including AdamW's step, and prints one JSON object.
"""

import faulthandler
import gc
import json
import math
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.cuda.green_contexts import GreenContext

from qca.core.config import TrainConfig
from qca.core.noise_schedule import CURRICULUM_EPISODES
from qca.model.evolution import Evolution
from qca.model.initial_state import draw_initial_state
from qca.model.noise import Noise
from qca.train.device import prepare_device
from qca.train.episode import OnStep, Outcome, plain_episode
from qca.train.memory import read_peak_memory, read_peak_resident_bytes
from qca.train.precision import HALF
from qca.train.step_result import SkippedStep
from qca.train.step_timing import read_clock, save_gradient
from qca.train.trainer import Trainer


def main() -> None:
    """Measure the side that the JSON object on stdin describes."""
    request = json.load(sys.stdin)
    if request["timeout"]:
        faulthandler.dump_traceback_later(request["timeout"], exit=True)
    if request["threads"]:
        torch.set_num_threads(request["threads"])
    if request["deterministic"]:
        torch.use_deterministic_algorithms(True)
    config = TrainConfig(**request["config"])
    print(json.dumps(measure(config, request)))


def measure(config: TrainConfig, request: dict[str, Any]) -> dict[str, Any]:
    """Return the times and the peak of some episodes; save the first one's gradient in a file.

    The first episode is a warm-up and is not timed.
    """
    baseline = read_peak_resident_bytes()
    device = prepare_device(config, request["limit_bytes"])
    with _use_multiprocessors(request["multiprocessors"], device):
        return _measure_episodes(config, request, device, baseline)


def _measure_episodes(
    config: TrainConfig, request: dict[str, Any], device: torch.device, baseline: int
) -> dict[str, Any]:
    trainer = (AutogradTrainer if request["naive"] else Trainer)(config, device)
    trainer.episodes = CURRICULUM_EPISODES  # from this episode on, the noise is `max_noise`
    seconds: list[float] = []
    skipped, loss = 0, math.nan
    for repeat in range(request["repeats"] + 1):
        start = read_clock(device)
        outcome = trainer.compute_gradients(lambda: None)
        if repeat == 0:
            # Under float16 the first loss scales are too large, but the gradient to save must be
            # finite.
            while config.precision == "fp16" and not _is_finite(trainer):
                skipped += 1
                trainer.loss_scale = trainer.loss_scale.advance(False)
                outcome = trainer.compute_gradients(lambda: None)
            save_gradient(trainer, Path(request["save"]))
            loss = outcome.loss.item()
        skipped += isinstance(trainer.apply_gradients(outcome), SkippedStep)
        if repeat > 0:
            seconds.append(read_clock(device) - start)
    memory = read_peak_memory(device)
    return {
        "seconds_per_episode": statistics.median(seconds),
        "seconds": seconds,
        "peak_bytes": memory.reserved or memory.used - baseline,
        "allocated_bytes": memory.used if memory.reserved else None,
        "reserved_bytes": memory.reserved,
        "outside_bytes": _measure_outside(device),
        "baseline_bytes": None if memory.reserved else baseline,
        "loss": loss,
        "skipped": skipped,
        "eager_because": trainer.runner_notes and trainer.runner_notes.eager_because,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
    }


@contextmanager
def _use_multiprocessors(count: int | None, device: torch.device) -> Iterator[None]:
    """Run the block on the given number of a GPU's multiprocessors, or on all if None."""
    if count is None:
        yield
        return
    torch.zeros(1, device=device)  # a green context is created from the primary one
    context = GreenContext.create(num_sms=count, device_id=device.index)
    context.set_context()
    # Autograd's own threads would not use the green context.
    with torch.autograd.set_multithreading_enabled(False):
        yield
    gc.collect()  # graphs must be freed before their context
    torch.cuda.synchronize(device)
    context.pop_context()


class AutogradTrainer(Trainer):
    """Runs the obvious alternative: one autograd graph, with torch's autocast for 16 bits."""

    def compute_gradients(self, on_step: OnStep) -> Outcome:
        """Run the next episode as one graph, and leave its gradients in `.grad`."""
        config, samples = self.config, self._next_samples()
        psi = draw_initial_state(config.seed, samples, d_state=config.d_state, grid=config.grid)
        model = _Cast(self.model, HALF.get(config.precision), self.device.type)
        self.model.zero_grad(set_to_none=True)
        return plain_episode(
            Evolution(model, config.gamma, config.update),
            psi.to(self.device),
            steps=config.steps,
            loss=self.loss,
            noise=Noise(config.seed, samples, config.max_noise).draw_factor,
            on_step=on_step,
            scale=self.gradient_scale,
        )


class _Cast(nn.Module):
    def __init__(self, model: nn.Module, dtype: torch.dtype | None, device: str) -> None:
        super().__init__()
        self.model, self.dtype, self.device = model, dtype, device

    def forward(self, x: Tensor) -> Tensor:
        if self.dtype is None:
            return self.model(x)
        with torch.autocast(self.device, self.dtype):
            return self.model(x).float()


def _is_finite(trainer: Trainer) -> bool:
    found = [p.grad for p in trainer.model.parameters() if p.grad is not None]
    return bool(torch.nn.utils.get_total_norm(found).isfinite())


def _measure_outside(device: torch.device) -> int | None:
    """Return the GPU memory in use outside the allocator, if no other process uses the GPU."""
    if device.type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info(device)
    return total - free - torch.cuda.memory_reserved(device)


if __name__ == "__main__":
    main()
