"""What the command line asks of the trainer, as one value. Needs no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from qca.core.config import TrainConfig
from qca.core.train_flags import format_train_flags


class StopFlag(Protocol):
    """A request to end early; `threading.Event` is one."""

    def is_set(self) -> bool:
        """Whether the training should write a checkpoint and end."""
        ...


@dataclass(frozen=True)
class TrainRequest:
    """One call of `qca train`, with nothing in its configuration left to `auto`."""

    config: TrainConfig
    folder: Path
    """The run folder, `runs/RUN`; created if it is not there."""
    resume: bool = False
    """Continue from the newest intact checkpoint, or start where there is none. Without it,
    a run folder that already holds a training is refused."""
    init: Path | None = None
    """Weights to start from; a run that is continued has its own."""
    progress: Literal["auto", "json"] = "auto"
    store_url: str | None = None
    store_flags: Path | None = None
    """Dragonfly's flag file, which holds the store's password."""
    processes: int = 1
    """Processes of this machine, one for each GPU."""
    nnodes: int = 1
    """Machines that train together, each with as many processes."""
    rdzv_endpoint: str | None = None
    """HOST:PORT of the machine where they meet; None on one machine."""
    predicted_peak_bytes: int | None = None
    """Reported; on CUDA the allocator is held to it."""
    predicted_context_bytes: int | None = None
    """What the process is predicted to take beside it."""

    def is_distributed(self) -> bool:
        """Whether several processes train together."""
        return self.processes > 1 or self.nnodes > 1


def format_process_flags(request: TrainRequest) -> list[str]:
    """Return the flags of `qca train` for one of the processes of a request."""
    options = {"store": request.store_url, "store-flags": request.store_flags, "init": request.init}
    return [
        *format_train_flags(request.config),
        f"--runs={request.folder.parent}",
        f"--progress={request.progress}",
        *(f"--{name}={value}" for name, value in options.items() if value is not None),
        *(["--resume"] if request.resume else []),
    ]
