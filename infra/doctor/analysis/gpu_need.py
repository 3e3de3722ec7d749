"""Compute the GPU memory that the planned training run needs."""

from infra.stack.plan import TrainerPlan
from qca.core.frozen import frozen_dataclass
from qca.core.units import format_size


@frozen_dataclass
class GpuNeed:
    """The memory that the training run needs, and its parts."""

    bytes: int
    parts: str


def compute_gpu_need(trainer: TrainerPlan) -> GpuNeed:
    """Return the predicted peak plus the CUDA context."""
    context_takes = "context and NCCL take" if trainer.is_distributed else "context takes"
    peak, context = trainer.predicted_peak_bytes.value, trainer.context_bytes.value
    return GpuNeed(
        peak + context,
        f"The predicted peak is {format_size(peak)} (recompute strategy "
        f"`{trainer.recompute.value}`), and the CUDA {context_takes} {format_size(context)}",
    )


def collect_need_evidence(trainer: TrainerPlan) -> dict[str, object]:
    """Return the numbers from which the need and the budget are computed."""
    return {
        "predicted_peak_bytes": trainer.predicted_peak_bytes.value,
        "context_bytes": trainer.context_bytes.value,
        "budget_bytes": trainer.budget_bytes.value,
        "recompute": trainer.recompute.value,
    }


def has_room(trainer: TrainerPlan) -> bool:
    """Return whether the planned training run fits on its GPU or, with MIG, on each slice of it."""
    gpu = trainer.fullest_gpu
    if gpu is None or trainer.fits.value is False:
        return False
    free = [device.memory_free for device in gpu.mig_devices] if gpu.mig else [gpu.memory_free]
    return compute_gpu_need(trainer).bytes <= min(free, default=0)
