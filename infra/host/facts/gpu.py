"""Facts about NVIDIA GPUs: as NVML shows them, or the layer at which that failed."""

from typing import Annotated, Literal

from infra.host.facts.known import Count, Size
from qca.core.validation import Constraint, strict_dataclass


@strict_dataclass
class GpuProcess:
    """A process that holds GPU memory."""

    pid: Count
    name: str
    used: Size | None
    """Bytes; None where the driver does not tell (containers, Windows)."""


@strict_dataclass
class MigDevice:
    """A slice of a GPU in MIG mode; programs use slices, not the GPU. Sizes in bytes."""

    name: str
    uuid: str
    memory_total: Size
    memory_free: Size


@strict_dataclass
class GpuHealth:
    """What a GPU says of its condition; None in a field where the GPU has no such thing."""

    slowed_by: tuple[str, ...] | None
    """Faults that hold its clocks down now, such as `hardware thermal slowdown`."""
    pcie_width: Count | None
    pcie_most_width: Count | None
    """The lanes that GPU and slot could use together."""
    memory_errors: Count | None
    """Those that ECC could not correct, since the driver was loaded."""
    memory_repair: Literal["none", "pending", "failed"] | None
    """Whether faulty memory is to be replaced by spare rows."""
    untold: tuple[str, ...] = ()
    """Which of these NVML did not tell, though the GPU may know."""


@strict_dataclass
class Xid:
    """An error of NVIDIA's driver in the kernel's log."""

    code: Count
    pci_address: str
    """As the kernel writes it, e.g. `0000:01:00`."""
    count: Count
    """How often it is there."""


@strict_dataclass
class Gpu:
    """One GPU as NVML shows it. Sizes in bytes."""

    index: Count
    name: str
    uuid: str
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
    pci_address: str | None = None
    """E.g. `0000:01:00.0`; None where that was not recorded, or there is none (WSL2)."""
    health: GpuHealth | None = None
    """None where that was not recorded."""


@strict_dataclass
class CdiSpec:
    """A CDI file for NVIDIA devices, and what in it does not fit this host."""

    path: str
    driver_version: str | None
    """The driver whose libraries it mounts; None where it names none."""
    missing: tuple[str, ...]
    """Device files that it names and that are not there."""


@strict_dataclass
class ContainerToolkit:
    """What of the NVIDIA Container Toolkit is on this host."""

    cdi_hook: str | None
    """Path of `nvidia-cdi-hook` on PATH, without which dockerd makes no CDI devices of a GPU."""
    hook_changed: Count | None
    """When the hook was put there, in seconds since 1970; None without one."""
    no_cgroups: bool
    """The setting of that name in the toolkit's configuration, as rootless engines need it."""
    char_links: bool
    """Whether /dev/char has links to NVIDIA's device files."""
    cdi_specs: tuple[CdiSpec, ...]
    version: str | None = None
    """As `nvidia-ctk` says it, e.g. `1.17.8`; empty without that program, None where it does not
    say or that was not recorded."""


@strict_dataclass
class GpuDriver:
    """An NVIDIA driver that answered, and its GPUs (there may be none)."""

    state: Literal["driver"] = "driver"
    driver_version: str
    cuda_version: tuple[int, int]
    """Newest CUDA that the driver supports."""
    gpus: tuple[Gpu, ...]
    toolkit: str | None
    """Path of `nvidia-container-runtime-hook` or `nvidia-ctk` on PATH; None if neither is."""
    cdi_files: tuple[str, ...] = ()
    """CDI files for NVIDIA devices on this host."""
    container_toolkit: ContainerToolkit | None = None
    """None where it was not recorded."""
    visible_devices: str | None = None
    """`CUDA_VISIBLE_DEVICES` where qca runs; None if it is not set."""
    xids: tuple[Xid, ...] | None = None
    """Errors in the kernel's log; None where this user may not read it, or not recorded."""


@strict_dataclass
class NoGpuDriver:
    """No NVIDIA driver answered, and at which layer it failed."""

    state: Literal["no-device", "no-driver", "not-loaded", "no-permission", "version-mismatch"]
    detail: str
    cards: tuple[str, ...] = ()
    """NVIDIA cards on the PCI bus: address and device id, e.g. `0000:01:00.0 10de:1f82`."""
    nouveau: bool | None = None
    """Whether the kernel has loaded nouveau, the other driver for these cards; None where that
    was not recorded."""
    secure_boot: bool | None = None
    """Whether the firmware lets the kernel load signed modules only; None where it does not say."""
    module: str | None = None
    """The driver's module for the running kernel, empty if there is none; None where the list of
    modules cannot be read."""
    module_signed: bool | None = None
    """Whether that file ends with a signature; None where it is compressed or cannot be read."""
    module_refusal: str | None = None
    """The kernel's words on a module without a signature that it trusts, empty if there are none;
    None where this user may not read its log."""


GpuFacts = Annotated[GpuDriver | NoGpuDriver, Constraint(discriminator="state")]
