"""The command line's request to the trainer, as one value. Works without torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from qca.core.config import TrainConfig
from qca.core.train_flags import format_train_command
from qca.memory.budget import Estimate


class StopFlag(Protocol):
    """A request to stop early, such as a `threading.Event`."""

    def is_set(self) -> bool:
        """Return whether training should write a checkpoint and stop."""
        ...


@dataclass(frozen=True)
class TrainRequest:
    """One invocation of `qca train`, with every `auto` in its configuration resolved."""

    config: TrainConfig
    folder: Path
    """The run folder, `runs/RUN`; created if it does not exist."""
    resume: bool = False
    """Whether to resume from the newest intact checkpoint, if there is one. Otherwise a folder that
    already contains a run is refused."""
    init: Path | None = None
    """Initial weights; ignored if the run is resumed."""
    progress: Literal["auto", "json"] = "auto"
    store_url: str | None = None
    store_flags: Path | None = None
    """Dragonfly's flag file with the store's password."""
    processes: int = 1
    """Processes on this machine, one per GPU."""
    nnodes: int = 1
    """Machines that train together, each with the same number of processes."""
    rdzv_endpoint: str | None = None
    """HOST:PORT of the machine to which the others connect; None for one machine."""
    predicted: Estimate | None = None
    """The predicted memory of this process. On CUDA its peak also limits the allocator."""

    def is_distributed(self) -> bool:
        """Return whether several processes train together."""
        return self.processes > 1 or self.nnodes > 1


def format_process_command(request: TrainRequest) -> list[str]:
    """Return the arguments of `qca` for one of the processes of a request."""
    return format_train_command(
        request.config,
        runs=request.folder.parent,
        progress=request.progress,
        resume=request.resume,
        store=request.store_url,
        store_flags=request.store_flags,
        init=request.init,
    )
