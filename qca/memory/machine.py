"""Describe the machine that trains, as far as memory and time depend on it."""

from dataclasses import KW_ONLY

from qca.core.config import HalfPrecision, ResolvedDevice, TrainConfig
from qca.core.frozen import frozen_dataclass
from qca.core.step_timing import StepTiming


@frozen_dataclass
class Machine:
    """The device of each training process, and what is known of it and its host."""

    device: ResolvedDevice
    _: KW_ONLY
    fused: bool
    """Whether a GPU can run `qca.model.kernels`; False on a CPU."""
    half: HalfPrecision | None = None
    """The 16-bit format that `auto` may choose; None means float32 only."""
    host_budget: int | None = None
    """The host memory that each process on a GPU may use; None means that it is unknown."""
    tape_share: float = 1.0
    """Of the budget that the training without tapes leaves free, the share that tapes may use."""
    together: bool = False
    """Whether several processes train one model."""
    resident_floor: int | None = None
    """The measured context of a CPU, see `qca.memory.context`."""
    timings: tuple[StepTiming, ...] = ()
    """The step times measured on this device."""

    def select_timings(self, train: TrainConfig) -> tuple[StepTiming, ...]:
        """Return the step times measured with a model and a batch of the sizes of `train`."""
        return tuple(timing for timing in self.timings if timing.has_sizes_of(train))
