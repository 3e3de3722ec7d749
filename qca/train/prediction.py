"""Predict the memory of a training run on this machine. Works without torch."""

from qca.core.config import TrainConfig
from qca.core.gpu_kernels import can_run_kernels
from qca.memory.budget import Estimate, estimate
from qca.memory.nvml import read_compute_capability
from qca.memory.resident_floor import read_resident_floor


def predict_memory(train: TrainConfig, *, processes: int) -> Estimate:
    """Return the predicted memory of each of the `processes` that train one model.

    The device and the recompute strategy of `train` must be resolved.
    """
    assert train.device != "auto"
    assert train.recompute != "auto"
    on_cpu = train.device == "cpu"
    return estimate(
        train,
        recompute=train.recompute,
        device=train.device,
        together=processes > 1,
        resident_floor=read_resident_floor() if on_cpu else None,
        fused=on_cpu or can_run_kernels(read_compute_capability()),
    )
