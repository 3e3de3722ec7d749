"""The measured time of a step with one recompute strategy on one machine."""

from typing import Annotated

from qca.core.config import ResolvedPrecision, ResolvedRecompute, TrainConfig, Update
from qca.core.validation import Constraint, strict_dataclass


@strict_dataclass
class StepTiming:
    """The measured time of a step, forward and backward, and other measurements of its episode."""

    device: str
    """Name of the GPU, or `cpu`."""
    torch: str
    """Version of torch, e.g. `2.13.0+cu130`."""
    grid: int
    d_state: int
    hidden_channels: int
    batch_size: int
    update: Update
    recompute: ResolvedRecompute
    segment: int
    precision: ResolvedPrecision
    steps: int
    """Length of the episode that was measured."""
    seconds: Annotated[float, Constraint(gt=0)]
    """Time of one step: the time of the episode divided by `steps`."""
    peak_bytes: Annotated[int, Constraint(ge=0)]
    """Peak memory of that episode: the bytes reserved by the GPU's allocator, or the resident set.
    """
    drift: float | None
    """Error of the gradient relative to the norm of the fp32 gradient; None in fp32 itself."""

    def has_sizes_of(self, train: TrainConfig) -> bool:
        """Return whether it was measured with a model and a batch of the sizes of `train`."""
        sizes = ("grid", "d_state", "hidden_channels", "batch_size", "update")
        return all(getattr(self, name) == getattr(train, name) for name in sizes)
