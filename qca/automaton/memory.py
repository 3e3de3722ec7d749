"""Check before a rollout whether it fits in the free memory."""

from typing import Literal

import psutil

from qca.core.config import TrainConfig
from qca.core.errors import PlanError
from qca.core.units import format_size
from qca.memory.layers import Shape
from qca.memory.nvml import read_free_gpu_memory
from qca.memory.rollout import estimate_rollout


def require_memory(
    shape: Shape, config: TrainConfig, device: Literal["cpu", "cuda"], held_states: int = 1
) -> None:
    """Refuse a rollout that needs more than the device's free memory, if that is known.

    Raises:
        PlanError: it needs more memory than is free; the message names both amounts.

    """
    needed = estimate_rollout(
        shape, config.update, config.gamma, device=device, held_states=held_states
    )
    free = read_free_gpu_memory() if device == "cuda" else psutil.virtual_memory().available
    if free is not None and needed > free:
        raise PlanError(
            f"{shape.grid}x{shape.grid} cells need {format_size(needed)} of memory on the "
            f"{device}; {format_size(free)} is free",
            hint="Choose a smaller grid (`qca evaluate`: a smaller --beyond), or another --device.",
        )
