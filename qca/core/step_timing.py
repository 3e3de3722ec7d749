"""A step's time in one way to run an episode, as it was measured on a machine."""

from typing import Annotated

from qca.core.config import ResolvedPrecision, ResolvedRecompute, TrainConfig, Update
from qca.core.validation import Constraint, strict_dataclass


@strict_dataclass
class StepTiming:
    """What one step of an episode took, forward and backward, and what else was measured of it."""

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
    """Time for one step: that of the episode divided by `steps`."""
    peak_bytes: Annotated[int, Constraint(ge=0)]
    """Peak memory of that episode: reserved by the allocator of a GPU, or resident."""
    drift: float | None
    """Error of the gradient relative to its norm in fp32; None in fp32 itself."""

    def is_of(self, device: str, train: TrainConfig) -> bool:
        """Whether it was measured on that device, with a model and a batch of the same sizes."""
        sizes = ("grid", "d_state", "hidden_channels", "batch_size", "update")
        return self.device == device and all(
            getattr(self, name) == getattr(train, name) for name in sizes
        )
