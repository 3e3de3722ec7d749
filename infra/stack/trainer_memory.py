"""Decide the memory budget of the trainer, and its container's limit on host memory."""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY

from infra.host.facts import Gpu, HostFacts, MemoryFacts, known_or_none
from infra.stack.decision import GIVEN, Decision
from infra.stack.dragonfly_plan import find_usable_memory
from qca.core.config import ResolvedDevice, TrainConfig
from qca.core.frozen import frozen_dataclass
from qca.core.units import GIB, MIB, format_size
from qca.memory.budget import count_parameters
from qca.memory.checkpoint_size import count_checkpoint_bytes
from qca.memory.choose import Choice

# A container's limit is the measured or predicted memory times this factor. The page cache of a
# checkpoint that is being written also counts, and a container that exceeds its limit is killed.
CONTAINER_HEADROOM = 1.25
# Container limits are rounded up to a multiple of this.
_CONTAINER_STEP = 256 * MIB
# The peak resident memory of training on CUDA, for a model of any size: 1.45 to 1.58 GiB on an H100
# with torch 2.11 (VmHWM). It consists of the CUDA libraries and their kernels, which are loaded on
# demand.
CUDA_RESIDENT = 1.6 * GIB
# The resident memory of the launcher for several GPUs: 540 MiB, measured in the same way.
LAUNCHER_RESIDENT = 0.55 * GIB


# On a CPU, tapes save at most 7% of an episode's time (`qca.memory.cost`), and the memory that they
# take is the host's, which other programs and the page cache use too. earlyoom, for example, kills
# the largest process if less than 10% is available (https://github.com/rfjakob/earlyoom, `-m`).
CPU_TAPE_SHARE = 0.25


@frozen_dataclass
class RunningRun:
    """A run that is training on this machine while another is planned."""

    _: KW_ONLY
    run: str
    device: str
    planned_bytes: int
    """The device memory that each of its processes uses at its peak."""
    pending_bytes: int
    """The part of that memory that is not allocated yet, and so still counts as free."""
    gpus: tuple[str, ...] | None = None
    """The UUIDs of the GPUs that the run uses; None if they are unknown."""
    host_bytes: int = 0
    """The host memory that the run uses at its peak, in addition to the device's."""
    host_pending_bytes: int = 0
    """The part of the host memory that is not allocated yet."""

    def may_use(self, gpu: Gpu | None) -> bool:
        """Return whether the run uses this GPU; True if that is unknown."""
        if self.device != "cuda":
            return False
        return gpu is None or self.gpus is None or gpu.uuid in self.gpus


def decide_budget(
    facts: HostFacts,
    train: TrainConfig,
    device: ResolvedDevice,
    gpus: Sequence[Gpu],
    *,
    store_bytes: int,
    processes: int,
    running: Sequence[RunningRun] = (),
) -> Decision[int | None]:
    """Return the bytes that each process may use; None if they could not be determined."""
    if train.budget is not None:
        return Decision(train.budget, GIVEN)
    if device == "cuda":
        return _decide_fullest_gpu_budget(gpus, running)
    memory = known_or_none(facts.memory)
    if memory is None:
        return Decision(None, "the host's memory is unknown")
    because = "the host's available memory"
    if store_bytes:
        because += f" less {format_size(store_bytes)} for the store"
    free = max(0, _compute_free_memory(memory, store_bytes))
    budget = _leave_room(Decision(free, because), _list_host_takers(running))
    if processes == 1 or budget.value is None:
        return budget
    # The processes on a CPU share the host's memory.
    because = f"{budget.because}, shared by {processes} processes"
    return Decision(budget.value // processes, because)


def choose_tape_share(train: TrainConfig, device: ResolvedDevice) -> float:
    """Return the share of the free budget that tapes may use: all of a GPU's or a given one."""
    return CPU_TAPE_SHARE if device == "cpu" and train.budget is None else 1.0


def compute_host_budget(
    facts: HostFacts,
    train: TrainConfig,
    *,
    store_bytes: int,
    processes: int,
    running: Sequence[RunningRun] = (),
) -> int | None:
    """Return the host memory that the process of each GPU may use; None if it is unknown."""
    memory = known_or_none(facts.memory)
    if memory is None:
        return None
    resident = _compute_resident_bytes(count_parameters(train.d_state, train.hidden_channels))
    pending = sum(taker.pending_bytes for taker in _list_host_takers(running))
    free = _compute_free_memory(memory, store_bytes) - pending
    each = (free / CONTAINER_HEADROOM - _compute_launcher_bytes(processes)) / processes
    return max(0, int(each - resident))


def decide_container_limit(
    facts: HostFacts, device: ResolvedDevice, choice: Choice, processes: int
) -> Decision[int]:
    """Return the memory limit of the trainer's container, in bytes, at most the host's memory."""
    limit, host = _compute_container_limit(device, choice, processes), find_usable_memory(facts)
    if host is None or limit.value <= host:
        return limit
    because = (
        f"the memory available to containers; {limit.because}, would be {format_size(limit.value)}"
    )
    return Decision(host, because)


def _compute_container_limit(
    device: ResolvedDevice, choice: Choice, processes: int
) -> Decision[int]:
    estimate = choice.estimate
    if device == "cpu":
        needed = estimate.predicted_peak_bytes + estimate.context_bytes
        because = (
            f"{CONTAINER_HEADROOM} times the sum of the predicted peak and the context, rounded "
            f"up to a multiple of {format_size(_CONTAINER_STEP)}"
        )
        return Decision(_round_up(needed * CONTAINER_HEADROOM), because)
    each = _compute_resident_bytes(estimate.parameters) + choice.host_bytes
    needed = processes * each + _compute_launcher_bytes(processes)
    because = (
        f"{CONTAINER_HEADROOM} times the host memory that these need together: torch with CUDA's "
        "libraries, the tensors that the plan keeps on the host, and two copies of a checkpoint "
        "while it is written"
    )
    if processes > 1:
        because += f"; for {processes} processes and their launcher"
    return Decision(_round_up(needed * CONTAINER_HEADROOM), because)


def _decide_fullest_gpu_budget(
    gpus: Sequence[Gpu], running: Sequence[RunningRun]
) -> Decision[int | None]:
    """Return the budget of the GPU on which the other runs leave the least memory."""
    budgets: list[Decision[int | None]] = []
    for gpu in gpus or (None,):
        takers = [_describe_device_use(run) for run in running if run.may_use(gpu)]
        budgets.append(_leave_room(_decide_gpu_budget(gpu), takers))
    return min(budgets, key=lambda budget: budget.value or 0)


def _decide_gpu_budget(gpu: Gpu | None) -> Decision[int | None]:
    if gpu is None:
        return Decision(None, "the GPU's free memory is unknown")
    if gpu.mig and gpu.mig_devices:
        least = min(mig_device.memory_free for mig_device in gpu.mig_devices)
        because = f"the free memory of the fullest slice of {gpu.name}; a program gets one slice"
        return Decision(least, because)
    because = f"the free memory of {gpu.name} ({format_size(gpu.memory_total)} in total)"
    return Decision(gpu.memory_free, because)


@frozen_dataclass
class _Taker:
    """The memory that another run uses, and the part of it that is not allocated yet."""

    run: str
    bytes: int
    pending_bytes: int


def _describe_device_use(run: RunningRun) -> _Taker:
    return _Taker(run.run, run.planned_bytes, run.pending_bytes)


def _list_host_takers(running: Sequence[RunningRun]) -> list[_Taker]:
    """Return the host memory that the runs use, including those that train on a GPU."""
    on_cpu = [_describe_device_use(run) for run in running if run.device == "cpu"]
    on_gpu = [
        _Taker(run.run, run.host_bytes, run.host_pending_bytes)
        for run in running
        if run.device == "cuda" and run.host_bytes
    ]
    return on_cpu + on_gpu


def _leave_room(budget: Decision[int | None], others: Sequence[_Taker]) -> Decision[int | None]:
    """Return the budget minus the memory that the other runs have yet to allocate."""
    if budget.value is None or not others:
        return budget
    takers = [
        f"run {other.run} uses {format_size(other.bytes)} at its peak, "
        f"of which {format_size(other.pending_bytes)} is not allocated yet and is kept free"
        for other in others
    ]
    left = budget.value - sum(other.pending_bytes for other in others)
    return Decision(max(0, left), "; ".join((budget.because, *takers)))


def _compute_free_memory(memory: MemoryFacts, store_bytes: int) -> int:
    """Return the host's free memory minus the store's; negative if the store needs more."""
    return min(memory.available, memory.usable) - store_bytes


def _compute_launcher_bytes(processes: int) -> int:
    return int(LAUNCHER_RESIDENT) if processes > 1 else 0


def _compute_resident_bytes(parameters: int) -> int:
    """Return the host memory that the trainer uses while it computes on a GPU."""
    # A checkpoint's tensors on the host, plus their serialized bytes.
    return int(CUDA_RESIDENT) + 2 * count_checkpoint_bytes(parameters)


def _round_up(size: float) -> int:
    return math.ceil(size / _CONTAINER_STEP) * _CONTAINER_STEP
