"""Choose remedies for a container in which a CUDA step failed, given the step and the error."""

from infra.doctor.finding import Remedy
from infra.doctor.remedies.gpu_access import GPU_ACCESS_REMEDIES
from infra.host.container_gpu import Obstacle
from infra.host.facts import GpuRun

# Parts of the engine's error messages, and the obstacle that each indicates.
_REFUSALS = (
    ("could not select device driver", Obstacle.NO_TOOLKIT),
    ("CDI device injection failed", Obstacle.STALE_CDI),
    ("unresolvable CDI devices", Obstacle.STALE_CDI),
    ("failed to add device rules", Obstacle.NEEDS_NO_CGROUPS),
)

_LOAD_UVM = Remedy(
    "Load the kernel module for CUDA's memory, which `nvidia-smi` does not need "
    "(https://github.com/ggml-org/llama.cpp/issues/7218)",
    ("sudo modprobe nvidia_uvm",),
)
_START_FABRIC_MANAGER = Remedy(
    "Start the fabric manager, which GPUs with NVSwitch need "
    "(https://github.com/pytorch/pytorch/issues/35710); its version must match the driver's",
    ("sudo systemctl start nvidia-fabricmanager",),
)
_SHOW_HOLDERS = Remedy("Show which programs use the GPU's memory", ("nvidia-smi",))
_SHOW_BUILD = Remedy(
    "Show for which GPUs torch is built, and which build fits this one",
    ("qca doctor --only QCA403 --only QCA404",),
)
_SHOW_ERRORS = Remedy("Show the driver's messages about the GPU", ("sudo dmesg | grep -i xid",))

# CUresult codes (cuda.h) that identify a layer, regardless of the step that failed.
_BY_CODE = {2: "memory", 802: "fabric-manager", 999: "uvm"}

FAILURE_REMEDIES: dict[str, tuple[Remedy, ...]] = {
    **GPU_ACCESS_REMEDIES,
    "fabric-manager": (_START_FABRIC_MANAGER,),
    "uvm": (_LOAD_UVM, *GPU_ACCESS_REMEDIES[Obstacle.STALE_CDI]),
    "library": GPU_ACCESS_REMEDIES[Obstacle.STALE_CDI],
    "device": GPU_ACCESS_REMEDIES[Obstacle.STALE_CDI],
    "memory": (_SHOW_HOLDERS,),
    "kernel": (_SHOW_BUILD,),
    "result": (_SHOW_ERRORS,),
    "unknown": (),
}


def classify_failure(run: GpuRun) -> str:
    """Return the key of the remedies for the failed step, or `unknown`."""
    if run.failed_at == "start":
        obstacles = [obstacle for words, obstacle in _REFUSALS if words in run.detail]
        return obstacles[0] if obstacles else "unknown"
    key = _BY_CODE.get(run.code or 0, run.failed_at or "unknown")
    return key if key in FAILURE_REMEDIES else "unknown"
