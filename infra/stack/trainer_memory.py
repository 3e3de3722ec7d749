"""What memory the trainer may use, and what its container may take of the host."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from infra.host.facts import Gpu, HostFacts, MemoryFacts, known_or_none
from infra.stack.decision import GIVEN, Decision
from infra.stack.trainer_device import Device
from qca.core.config import TrainConfig
from qca.core.units import GIB, MIB, format_size
from qca.memory.budget import count_parameters
from qca.memory.checkpoint_size import count_checkpoint_bytes
from qca.memory.choose import Choice

# Over what was measured or predicted: the page cache of a checkpoint that is being written
# counts too, and a container over its limit is killed.
CONTAINER_HEADROOM = 1.25
# Container limits are rounded up to this.
_CONTAINER_STEP = 256 * MIB
# Peak resident memory of a CUDA training, whatever its size: 1.45 to 1.58 GiB on an H100
# with torch 2.11 (VmHWM); the CUDA libraries and their kernels, loaded as they are needed.
CUDA_RESIDENT = 1.6 * GIB
# The launcher that starts a process for each of several GPUs: 540 MiB, measured as the above.
LAUNCHER_RESIDENT = 0.55 * GIB


@dataclass(frozen=True, kw_only=True)
class RunningRun:
    """A run that trains on this machine while another is planned."""

    run: str
    device: str
    planned_bytes: int
    """Memory of its device that each of its processes takes at its peak."""
    pending_bytes: int
    """The part of it that is not in use yet, and so still counts as free."""
    gpus: tuple[str, ...] | None = None
    """UUIDs of the GPUs that it trains on; None if they are unknown."""
    host_bytes: int = 0
    """What it takes of the host's memory beside its device's, at its peak."""
    host_pending_bytes: int = 0
    """The part of that which is not in use yet."""

    def may_use(self, gpu: Gpu | None) -> bool:
        """Whether it trains on this GPU, as far as is known."""
        if self.device != "cuda":
            return False
        return gpu is None or self.gpus is None or gpu.uuid in self.gpus


def decide_budget(
    facts: HostFacts,
    train: TrainConfig,
    device: Device,
    gpus: Sequence[Gpu],
    *,
    store_bytes: int,
    processes: int,
    running: Sequence[RunningRun] = (),
) -> Decision[int | None]:
    """Return the bytes that each process may use; None if they could not be seen."""
    if train.budget is not None:
        return Decision(train.budget, GIVEN)
    if device == "cuda":
        return _decide_fullest_gpu_budget(gpus, running)
    memory = known_or_none(facts.memory)
    if memory is None:
        return Decision(None, "the host's memory could not be seen")
    because = "the host's available memory"
    if store_bytes:
        because += f" less {format_size(store_bytes)} for the store"
    free = max(0, _compute_free_memory(memory, store_bytes))
    budget = _leave_room(Decision(free, because), _list_host_takers(running))
    if processes == 1 or budget.value is None:
        return budget
    # GPUs are there once for each process, the host's memory once for all.
    because = f"{budget.because}, shared by {processes} processes"
    return Decision(budget.value // processes, because)


def compute_host_budget(
    facts: HostFacts,
    train: TrainConfig,
    *,
    store_bytes: int,
    processes: int,
    running: Sequence[RunningRun] = (),
) -> int | None:
    """Return what each GPU's training may keep in the host's memory; None if none was seen."""
    memory = known_or_none(facts.memory)
    if memory is None:
        return None
    resident = _compute_resident_bytes(count_parameters(train.d_state, train.hidden_channels))
    pending = sum(one.pending_bytes for one in _list_host_takers(running))
    free = _compute_free_memory(memory, store_bytes) - pending
    each = (free / CONTAINER_HEADROOM - _compute_launcher_bytes(processes)) / processes
    return max(0, int(each - resident))


def decide_container_limit(device: Device, choice: Choice, processes: int) -> Decision[int]:
    """Return the memory limit of the trainer's container, in bytes."""
    estimate = choice.estimate
    if device == "cpu":
        needed = estimate.predicted_peak_bytes + estimate.context_bytes
        because = (
            f"{CONTAINER_HEADROOM} times the predicted peak with the interpreter, in 256 MiB steps"
        )
        return Decision(_round_up(needed * CONTAINER_HEADROOM), because)
    each = _compute_resident_bytes(estimate.parameters) + choice.host_bytes
    needed = processes * each + _compute_launcher_bytes(processes)
    because = (
        "the model lives on the GPU: what torch with CUDA's libraries takes of the host, what the "
        f"plan keeps there, and a checkpoint twice while it is written, {CONTAINER_HEADROOM} times"
    )
    if processes > 1:
        because += f"; for {processes} processes and their launcher"
    return Decision(_round_up(needed * CONTAINER_HEADROOM), because)


def _decide_fullest_gpu_budget(
    gpus: Sequence[Gpu], running: Sequence[RunningRun]
) -> Decision[int | None]:
    """Return the budget on the GPU that has the least left beside the runs that train on it."""
    budgets: list[Decision[int | None]] = []
    for gpu in gpus or (None,):
        takers = [_describe_device_use(one) for one in running if one.may_use(gpu)]
        budgets.append(_leave_room(_decide_gpu_budget(gpu), takers))
    return min(budgets, key=lambda budget: budget.value or 0)


def _decide_gpu_budget(gpu: Gpu | None) -> Decision[int | None]:
    if gpu is None:
        return Decision(None, "the GPU's free memory could not be seen")
    if gpu.mig and gpu.mig_devices:
        least = min(mig_device.memory_free for mig_device in gpu.mig_devices)
        because = f"what the fullest slice of {gpu.name} has free: a program gets one slice"
        return Decision(least, because)
    because = f"what {gpu.name} has free of {format_size(gpu.memory_total)}"
    return Decision(gpu.memory_free, because)


@dataclass(frozen=True)
class _Taker:
    """What a run beside this one takes of a memory, and what of that is yet to come."""

    run: str
    bytes: int
    pending_bytes: int


def _describe_device_use(one: RunningRun) -> _Taker:
    return _Taker(one.run, one.planned_bytes, one.pending_bytes)


def _list_host_takers(running: Sequence[RunningRun]) -> list[_Taker]:
    """Return what the runs take of the host's memory, those that train on a GPU too."""
    on_cpu = [_describe_device_use(one) for one in running if one.device == "cpu"]
    on_gpu = [
        _Taker(one.run, one.host_bytes, one.host_pending_bytes)
        for one in running
        if one.device == "cuda" and one.host_bytes
    ]
    return on_cpu + on_gpu


def _leave_room(budget: Decision[int | None], beside: Sequence[_Taker]) -> Decision[int | None]:
    """Return the budget less what the runs beside this one have yet to take."""
    if budget.value is None or not beside:
        return budget
    takers = [
        f"run {one.run} takes {format_size(one.bytes)}, "
        f"{format_size(one.pending_bytes)} of it yet to come and kept free"
        for one in beside
    ]
    left = budget.value - sum(one.pending_bytes for one in beside)
    return Decision(max(0, left), "; ".join((budget.because, *takers)))


def _compute_free_memory(memory: MemoryFacts, store_bytes: int) -> int:
    """Return what the host has free beside the store; negative where it has less."""
    return min(memory.available, memory.usable) - store_bytes


def _compute_launcher_bytes(processes: int) -> int:
    return int(LAUNCHER_RESIDENT) if processes > 1 else 0


def _compute_resident_bytes(parameters: int) -> int:
    """Return what the trainer takes of the host's memory while it computes on a GPU."""
    # A checkpoint's tensors on the host, and the bytes that are written of them.
    return int(CUDA_RESIDENT) + 2 * count_checkpoint_bytes(parameters)


def _round_up(size: float) -> int:
    return math.ceil(size / _CONTAINER_STEP) * _CONTAINER_STEP
