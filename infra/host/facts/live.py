"""Facts that only a running container shows: `qca doctor --deep` starts one for each of them."""

from typing import Annotated, Literal

from qca.core.validation import Constraint, strict_dataclass

Seconds = Annotated[float, Constraint(ge=0)]

GpuStep = Literal[
    "start", "library", "init", "device", "context", "memory", "kernel", "result", "program"
]


@strict_dataclass
class GpuRun:
    """What a container with a GPU did: cuInit, an allocation, a multiplication."""

    image: str
    seconds: Seconds
    failed_at: GpuStep | None
    """The first step that failed: `start` is the engine's, `program` the end of the program for
    another reason than CUDA's answer; None where every product was right."""
    detail: str = ""
    """What was refused, in the words of the engine, of CUDA or of torch."""
    code: int | None = None
    """CUDA's number for it (`CUresult`), where CUDA answered."""
    device: str = ""
    """The GPU's name as the container sees it; empty where it came not so far."""
    computed_by: str = ""
    """What multiplied: `torch 2.13.0`, or `the driver` in an image without torch."""


@strict_dataclass
class StoreRun:
    """What the store's container did with the planned flags."""

    image: str
    seconds: Seconds
    """Until it was healthy, or until it ended."""
    outcome: Literal["healthy", "refused", "exited", "unhealthy"]
    """Refused is the engine's no; unhealthy, that it ran to the end of its time without an
    answer."""
    exit_code: int | None = None
    killed_for_memory: bool = False
    detail: str = ""
    """The engine's words, the last health check's, or the end of its log."""


@strict_dataclass
class VolumeWrite:
    """One folder that the stack writes to, and whether its user can."""

    service: str
    target: str
    kind: Literal["tmpfs", "volume"]
    user: str
    written: bool | None
    """None where it was not tried; then `detail` says why."""
    detail: str = ""


@strict_dataclass
class NameLookup:
    """One name that a container looked up."""

    name: str
    network: Literal["stack", "default"]
    """A network as the stack's own, where Docker answers for its services, or the one that images
    are built in, where the host's name servers do."""
    found: bool | None
    """None where it could not be asked, or where the host does not know the name either."""
    detail: str = ""


@strict_dataclass
class FolderMount:
    """Whether a container reads and writes in a folder within this one."""

    image: str
    user: str
    fault: Literal["refused", "unreadable", "unwritable", "elsewhere"] | None
    """Refused is the engine's no; elsewhere, that the container wrote and the file is not here."""
    detail: str = ""
