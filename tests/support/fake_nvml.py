"""A stand-in for the module `pynvml`, with the part of NVML that the probe uses.

The tests run without an NVIDIA driver. The stand-in was compared with a real H100 (driver
580.159.04): the memory queries and their difference, the error for an unknown name, and an empty
MIG slot. The error numbers are nvml.h's.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MIB = 2**20


class NVMLError(Exception):
    """NVML's error: a number, as in nvml.h."""

    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.value = value

    def __str__(self) -> str:
        return f"NVML error {self.value}"


@dataclass
class Memory:
    total: int
    free: int
    reserved: int = 0


@dataclass
class Process:
    pid: int
    usedGpuMemory: int | None  # noqa: N815 - NVML's name


@dataclass
class Device:
    """A GPU or a slice of one. An error number stands for a query that it does not support."""

    name: str = "NVIDIA GeForce GTX 1650"
    uuid: str = "GPU-00000000-0000-0000-0000-000000000001"
    memory: Memory | int = field(default_factory=lambda: Memory(3768 * MIB, 64 * MIB, 60 * MIB))
    memory_v2: bool = True
    capability: tuple[int, int] = (7, 5)
    mig: int | None = None
    slices: dict[int, "Device"] = field(default_factory=dict)
    computing: list[Process] | int = field(default_factory=list)
    drawing: list[Process] | int = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    """The answers that differ from `SOUND`, by the name of the query."""


@dataclass
class PciInfo:
    domain: int
    bus: int
    device: int


# The answers of a healthy card with ECC and remapped rows. A number instead of a tuple, list or
# object stays a number; errors are `NVMLError`.
SOUND: dict[str, Any] = {
    "nvmlDeviceGetPciInfo_v3": PciInfo(0, 0x0A, 0),
    "nvmlDeviceGetCurrentClocksEventReasons": 1,  # idle
    "nvmlDeviceGetCurrPcieLinkWidth": 16,
    "nvmlDeviceGetMaxPcieLinkWidth": 16,
    "nvmlDeviceGetTotalEccErrors": 0,
    "nvmlDeviceGetRemappedRows": (0, 0, 0, 0),
    "nvmlDeviceGetRetiredPagesPendingStatus": 0,
    "nvmlDeviceGetCurrentClocksThrottleReasons": 1,
}


class FakeNvml:
    """The module."""

    NVMLError = NVMLError
    NVML_ERROR_INVALID_ARGUMENT = 2
    NVML_ERROR_NOT_SUPPORTED = 3
    NVML_ERROR_NO_PERMISSION = 4
    NVML_ERROR_NOT_FOUND = 6
    NVML_ERROR_DRIVER_NOT_LOADED = 9
    NVML_ERROR_LIBRARY_NOT_FOUND = 12
    NVML_ERROR_FUNCTION_NOT_FOUND = 13
    NVML_ERROR_GPU_IS_LOST = 15
    NVML_ERROR_LIB_RM_VERSION_MISMATCH = 18
    NVML_DEVICE_MIG_ENABLE = 1
    NVML_MEMORY_ERROR_TYPE_UNCORRECTED = 1
    NVML_VOLATILE_ECC = 0
    nvmlMemory_v2 = 0x2000028  # noqa: N815

    def __init__(
        self,
        *devices: Device,
        init_error: int | None = None,
        lost: bool = False,
        names: dict[int, str] | None = None,
        version: str | bytes = "570.211.01",
    ) -> None:
        self.devices = devices
        self.init_error = init_error
        self.lost = lost
        self.names = names or {}
        self.version = version
        self.open = 0

    def nvmlInit(self) -> None:  # noqa: N802
        if self.init_error is not None:
            raise NVMLError(self.init_error)
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Device:  # noqa: N802
        if self.lost:
            raise NVMLError(self.NVML_ERROR_GPU_IS_LOST)
        return self.devices[index]

    def nvmlDeviceGetMemoryInfo(self, device: Device, version: int | None = None) -> Memory:  # noqa: N802
        if isinstance(device.memory, int):
            raise NVMLError(device.memory)
        if version is None:
            return Memory(device.memory.total, device.memory.free)
        if not device.memory_v2:
            raise NVMLError(self.NVML_ERROR_FUNCTION_NOT_FOUND)
        return device.memory

    def nvmlDeviceGetMigMode(self, device: Device) -> list[int]:  # noqa: N802
        if device.mig is None:
            raise NVMLError(self.NVML_ERROR_NOT_SUPPORTED)
        return [device.mig, device.mig]

    def nvmlDeviceGetMigDeviceHandleByIndex(self, device: Device, slot: int) -> Device:  # noqa: N802
        if slot not in device.slices:
            raise NVMLError(self.NVML_ERROR_NOT_FOUND)
        return device.slices[slot]

    def nvmlSystemGetProcessName(self, pid: int) -> str:  # noqa: N802
        if pid not in self.names:
            raise NVMLError(self.NVML_ERROR_NOT_FOUND)
        return self.names[pid]

    def nvmlDeviceGetComputeRunningProcesses(self, device: Device) -> list[Process]:  # noqa: N802
        return _or_raise(device.computing)

    def nvmlDeviceGetGraphicsRunningProcesses(self, device: Device) -> list[Process]:  # noqa: N802
        return _or_raise(device.drawing)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in SOUND:
            return lambda device, *_: _answer({**SOUND, **device.answers}[name])
        return {
            "nvmlSystemGetDriverVersion": lambda: self.version,
            "nvmlSystemGetCudaDriverVersion_v2": lambda: 12080,
            "nvmlDeviceGetCount": lambda: len(self.devices),
            "nvmlDeviceGetName": lambda device: device.name,
            "nvmlDeviceGetUUID": lambda device: device.uuid,
            "nvmlDeviceGetCudaComputeCapability": lambda device: device.capability,
            "nvmlDeviceGetMaxMigDeviceCount": lambda device: 7,
        }[name]


def _answer(value: Any) -> Any:
    if isinstance(value, NVMLError):
        raise value
    return value


def _or_raise(value: list[Process] | int) -> list[Process]:
    if isinstance(value, int):
        raise NVMLError(value)
    return value
