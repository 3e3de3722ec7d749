"""Facts that need a running container; `qca doctor --deep` starts one for each of them."""

from typing import Annotated, Literal

from qca.core.validation import Constraint, strict_dataclass

Seconds = Annotated[float, Constraint(ge=0)]

GpuStep = Literal[
    "start", "library", "init", "device", "context", "memory", "kernel", "result", "program"
]


@strict_dataclass
class GpuRun:
    """The result of using a GPU in a container: cuInit, an allocation, a multiplication."""

    image: str
    seconds: Seconds
    failed_at: GpuStep | None
    """The first step that failed: `start` means that the engine did not start the container,
    `program` that the test program failed outside of CUDA; None if all multiplications were
    right."""
    detail: str = ""
    """The error message of the engine, CUDA or torch."""
    code: int | None = None
    """CUDA's error code (`CUresult`), if CUDA answered."""
    device: str = ""
    """The GPU's name in the container; empty if the container failed before reading it."""
    computed_by: str = ""
    """The library that multiplied: `torch 2.13.0`, or `the driver` in an image without torch."""


@strict_dataclass
class StoreRun:
    """The result of starting the store's container with the planned flags."""

    image: str
    seconds: Seconds
    """The time until it was healthy or exited."""
    outcome: Literal["healthy", "refused", "exited", "unhealthy"]
    """`refused` means that the engine did not start the container; `unhealthy`, that it timed out
    without an answer."""
    exit_code: int | None = None
    killed_for_memory: bool = False
    detail: str = ""
    """The message of the engine or the last health check, or the end of its log."""


@strict_dataclass
class VolumeWrite:
    """A folder that the stack writes to, and whether the stack's user can write there."""

    service: str
    target: str
    kind: Literal["tmpfs", "volume"]
    user: str
    written: bool | None
    """None if it was not tried; `detail` then has the reason."""
    detail: str = ""


@strict_dataclass
class NameLookup:
    """The result of looking up a name in a container."""

    name: str
    network: Literal["stack", "default"]
    """A network like the stack's own, where Docker resolves names, or the default network for image
    builds, which uses the host's name servers."""
    found: bool | None
    """None if the lookup was impossible, or the host cannot resolve the name either."""
    detail: str = ""


@strict_dataclass
class FolderMount:
    """Whether a container can read and write in a subfolder of the work folder."""

    image: str
    user: str
    fault: Literal["refused", "unreadable", "unwritable", "elsewhere"] | None
    """`refused` means that the engine did not start the container; `elsewhere`, that the file it
    wrote is not on this host."""
    detail: str = ""
