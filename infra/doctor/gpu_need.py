"""What the planned training takes of a GPU's memory."""

from dataclasses import dataclass

from infra.stack.plan import TrainerPlan
from qca.core.units import format_size


@dataclass(frozen=True)
class GpuNeed:
    """What the training takes, and of what that is made up."""

    bytes: int
    parts: str


def compute_gpu_need(trainer: TrainerPlan) -> GpuNeed:
    """Return the predicted peak with the CUDA context that comes beside it."""
    nccl = " and NCCL" if trainer.is_distributed else ""
    peak, context = trainer.predicted_peak_bytes.value, trainer.context_bytes.value
    return GpuNeed(
        peak + context,
        f"{format_size(peak)} predicted peak (recompute {trainer.recompute.value}) and "
        f"{format_size(context)} CUDA context{nccl}",
    )


def collect_need_evidence(trainer: TrainerPlan) -> dict[str, object]:
    """Return the numbers that the need and the budget come from."""
    return {
        "predicted_peak_bytes": trainer.predicted_peak_bytes.value,
        "context_bytes": trainer.context_bytes.value,
        "budget_bytes": trainer.budget_bytes.value,
        "recompute": trainer.recompute.value,
    }
