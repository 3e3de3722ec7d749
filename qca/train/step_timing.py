"""Time one way to run an episode, in a separate process to measure its peak memory.

`qca estimate --measure` runs this module once for each way. It reads a request as JSON from stdin
and writes the result as JSON to stdout.
"""

# safetensors' annotations are incomplete.
# pyright: reportUnknownVariableType=false
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from qca.core.config import TrainConfig
from qca.core.errors import QcaError
from qca.core.noise_schedule import CURRICULUM_EPISODES
from qca.train.device import prepare_device
from qca.train.memory import read_peak_memory
from qca.train.step_result import SkippedStep, StepResult
from qca.train.trainer import Trainer

# On a busy machine single episodes take several times as long, so the fastest of many counts: at
# least this many, and for at least this long. If they are slow, two have to do.
_EPISODES, _SECONDS = 5, 1.0
_SLOW_EPISODES, _SLOW_SECONDS = 2, 30.0


def main() -> int:
    """Answer the request on stdin; if it fails, the answer's only key is `error`."""
    request = json.load(sys.stdin)
    try:
        answer = time_episode(
            TrainConfig(**request["train"]), request["limit_bytes"], Path(request["gradient"])
        )
    except (QcaError, torch.OutOfMemoryError, MemoryError) as error:
        # Python's own MemoryError has no message.
        answer = {"error": (str(error) or type(error).__name__).splitlines()[0]}
    print(json.dumps(answer))
    return 0


def time_episode(
    config: TrainConfig, limit_bytes: int | None, gradient_file: Path
) -> dict[str, Any]:
    """Return the seconds per step and the peak memory of an episode; save the first gradient.

    The first episode, which captures graphs, is not timed; the fastest of the others counts.
    """
    device = prepare_device(config, limit_bytes)
    trainer = Trainer(config, device)
    _run_episode(trainer, gradient_file)
    seconds = find_fastest(lambda: _time_episode(trainer, device))
    memory = read_peak_memory(device)
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "seconds": seconds / config.steps,
        "peak_bytes": memory.reserved or memory.used,
    }


def find_fastest(time_once: Callable[[], float]) -> float:
    """Return the least of several times, in seconds."""
    times: list[float] = []
    while not _are_enough(times):
        times.append(time_once())
    return min(times)


def _are_enough(times: Sequence[float]) -> bool:
    count, seconds = len(times), sum(times)
    are_slow = count >= _SLOW_EPISODES and seconds >= _SLOW_SECONDS
    return are_slow or (count >= _EPISODES and seconds >= _SECONDS)


def _run_episode(trainer: Trainer, gradient_file: Path) -> None:
    """Run the first episode (in float16, repeat it until it is finite); save its gradient."""
    result: StepResult | SkippedStep | None = None
    while not isinstance(result, StepResult):
        trainer.episodes = CURRICULUM_EPISODES  # from this episode on, the noise is `max_noise`
        outcome = trainer.compute_gradients(lambda: None)
        save_gradient(trainer, gradient_file)
        result = trainer.apply_gradients(outcome)


def _time_episode(trainer: Trainer, device: torch.device) -> float:
    start = read_clock(device)
    trainer.apply_gradients(trainer.compute_gradients(lambda: None))
    return read_clock(device) - start


def read_clock(device: torch.device) -> float:
    """Return the time in seconds, after the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def save_gradient(trainer: Trainer, path: Path) -> None:
    """Save the gradient of each parameter, without the loss scale, in a file."""
    gradients = {
        name: parameter.grad.cpu().contiguous() / trainer.gradient_scale
        for name, parameter in trainer.model.named_parameters()
        if parameter.grad is not None
    }
    save_file(gradients, path)


if __name__ == "__main__":
    sys.exit(main())
