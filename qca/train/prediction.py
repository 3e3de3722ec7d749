"""Predict the memory of a training run on this machine. Works without torch."""

from qca.core.config import TrainConfig
from qca.core.gpu_kernels import can_run_kernels
from qca.memory.budget import Estimate, estimate
from qca.memory.machine import Machine
from qca.memory.nvml import read_compute_capability
from qca.memory.resident_floor import read_resident_floor


def predict_memory(train: TrainConfig, *, processes: int) -> Estimate:
    """Return the predicted memory of each of the `processes` that train one model.

    The device and the recompute strategy of `train` must be resolved.
    """
    assert train.device != "auto"
    assert train.recompute != "auto"
    on_gpu = train.device == "cuda"
    machine = Machine(
        train.device,
        fused=on_gpu and can_run_kernels(read_compute_capability()),
        together=processes > 1,
        resident_floor=None if on_gpu else read_resident_floor(),
    )
    return estimate(train, recompute=train.recompute, machine=machine)
