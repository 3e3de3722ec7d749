"""Facts about NVIDIA GPUs, as NVML reports them, or the layer at which NVML failed."""

from typing import Annotated, Literal

from infra.host.facts.known import Count, Size
from qca.core.validation import Constraint, strict_dataclass


@strict_dataclass
class GpuProcess:
    """A process that holds GPU memory."""

    pid: Count
    name: str
    used: Size | None
    """The memory in bytes; None if the driver does not report it (in containers, on Windows)."""


@strict_dataclass
class MigDevice:
    """A slice of a GPU in MIG mode; programs use slices, not the GPU. Sizes are in bytes."""

    name: str
    uuid: str
    memory_total: Size
    memory_free: Size


@strict_dataclass
class GpuHealth:
    """The health of a GPU; a field is None if the GPU does not have that property."""

    slowed_by: tuple[str, ...] | None
    """Faults that currently reduce its clocks, such as `hardware thermal slowdown`."""
    pcie_width: Count | None
    pcie_most_width: Count | None
    """The number of lanes that both the GPU and the slot support."""
    memory_errors: Count | None
    """The errors that ECC could not correct since the driver was loaded."""
    memory_repair: Literal["none", "pending", "failed"] | None
    """Whether replacing faulty memory with spare rows is pending, or has failed."""
    untold: tuple[str, ...] = ()
    """The fields that NVML did not report, although the GPU may have them."""


@strict_dataclass
class Xid:
    """An error of NVIDIA's driver in the kernel log."""

    code: Count
    pci_address: str
    """The PCI address as the kernel writes it, e.g. `0000:01:00`."""
    count: Count
    """The number of its occurrences."""


@strict_dataclass
class RefusedGpu:
    """A GPU that the driver's kernel module does not support, according to the kernel log."""

    name: str
    """The name in the driver's message: `NVIDIA GeForce GTX 1050`, or an address and a PCI ID."""
    needs: Literal["older-driver", "open-module", "proprietary-module"]
    branch: str = ""
    """The last branch of the driver that supports it, e.g. `580`, if the log says so."""


@strict_dataclass
class Gpu:
    """A GPU, as NVML reports it. Sizes are in bytes."""

    index: Count
    name: str
    uuid: str
    memory_total: Size
    memory_free: Size
    memory_reserved: Size
    """The bytes reserved by the driver; 0 if NVML has only the first version of its memory query.
    """
    compute_capability: tuple[int, int]
    mig: bool
    processes: tuple[GpuProcess, ...]
    mig_devices: tuple[MigDevice, ...] = ()
    shares_host_memory: bool = False
    """Whether the GPU has no memory of its own; the figures are then the host's."""
    pci_address: str | None = None
    """The PCI address, such as `0000:01:00.0`; None if it was not recorded or does not exist
    (WSL2)."""
    health: GpuHealth | None = None
    """None if that was not recorded."""


@strict_dataclass
class CdiSpec:
    """A CDI file for NVIDIA devices, and its mismatches with this host."""

    path: str
    driver_version: str | None
    """The version of the driver whose libraries it mounts; None if it names no version."""
    missing: tuple[str, ...]
    """Device files that it names but that do not exist."""


@strict_dataclass
class ContainerToolkit:
    """The installed parts of the NVIDIA Container Toolkit."""

    cdi_hook: str | None
    """The path of `nvidia-cdi-hook`, if it is on PATH; dockerd needs it to use GPUs as CDI
    devices."""
    hook_changed: Count | None
    """When the hook was installed, in seconds since 1970; None if there is no hook."""
    no_cgroups: bool
    """The `no-cgroups` setting of the toolkit, which rootless engines need."""
    char_links: bool
    """Whether /dev/char has links to NVIDIA's device files."""
    cdi_specs: tuple[CdiSpec, ...]
    version: str | None = None
    """The version that `nvidia-ctk` reports, e.g. `1.17.8`; empty without that program, None if it
    reports no version or that was not recorded."""


@strict_dataclass
class GpuDriver:
    """An NVIDIA driver that answered, and its GPUs (there may be none)."""

    state: Literal["driver"] = "driver"
    driver_version: str
    cuda_version: tuple[int, int]
    """The newest CUDA version that the driver supports."""
    gpus: tuple[Gpu, ...]
    toolkit: str | None
    """The path of `nvidia-container-runtime-hook` or `nvidia-ctk`; None if neither is on PATH."""
    cdi_files: tuple[str, ...] = ()
    """CDI files for NVIDIA devices on this host."""
    container_toolkit: ContainerToolkit | None = None
    """None if it was not recorded."""
    visible_devices: str | None = None
    """`CUDA_VISIBLE_DEVICES` in the environment of qca; None if it is not set."""
    xids: tuple[Xid, ...] | None = None
    """Errors in the kernel log; None if this user may not read it, or that was not recorded."""
    refused_gpus: tuple[RefusedGpu, ...] | None = None
    """None if this user may not read the kernel log, or that was not recorded."""


@strict_dataclass
class NoGpuDriver:
    """The layer at which reaching an NVIDIA driver failed."""

    state: Literal["no-device", "no-driver", "not-loaded", "no-permission", "version-mismatch"]
    detail: str
    cards: tuple[str, ...] = ()
    """NVIDIA cards on the PCI bus: address and device id, e.g. `0000:01:00.0 10de:1f82`."""
    nouveau: bool | None = None
    """Whether the kernel has loaded nouveau, the other driver for these cards; None if that was not
    recorded."""
    secure_boot: bool | None = None
    """Whether Secure Boot restricts the kernel to signed modules; None if the firmware does not
    report it."""
    module: str | None = None
    """The driver's module for the running kernel, empty if there is none; None if the list of
    modules cannot be read."""
    module_signed: bool | None = None
    """Whether the module ends with a signature; None if it is compressed or cannot be read."""
    module_refusal: str | None = None
    """The kernel's message about a module without a trusted signature; empty if there is none, None
    if this user may not read its log."""
    refused_gpus: tuple[RefusedGpu, ...] | None = None
    """None if this user may not read the kernel log, or that was not recorded."""


GpuFacts = Annotated[GpuDriver | NoGpuDriver, Constraint(discriminator="state")]
