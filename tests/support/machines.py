"""Machines to predict memory for."""

from qca.core.config import ResolvedDevice
from qca.memory.machine import Machine

CPU = Machine("cpu", fused=False)
GPU = Machine("cuda", fused=True)
OLD_GPU = Machine("cuda", fused=False)
MACHINES: dict[ResolvedDevice, Machine] = {"cpu": CPU, "cuda": GPU}
