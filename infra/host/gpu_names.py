"""Match the GPUs in a request (by number, UUID or CDI name) with those of the host.

The toolkit's hook knows numbers from 0, whole UUIDs, PCI addresses and `all` (libnvidia-container,
src/cli/common.c). An engine that uses CDI devices knows the names in the CDI files
(moby, daemon/devices_nvidia_linux.go): toolkits before 1.15 write no UUIDs, and WSL2 has only
`all`.
"""

import re
from collections.abc import Iterable

from infra.host.container_gpu import has_hook, list_cdi_devices, takes_cdi
from infra.host.facts import Engine, GpuDriver
from qca.core.frozen import frozen_dataclass

_KIND = "nvidia.com/gpu="
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_SLICE = re.compile(r"(\d{1,9}):(\d{1,9})", re.ASCII)
_PCI_ADDRESS = re.compile(r"([\da-f]{1,8}):([\da-f]{2}):([\da-f]{2})\.0", re.I | re.ASCII)
# The placeholder for a UUID in a recorded host; see anonymize.py.
_STAND_IN = re.compile(r"(?:GPU|MIG)-\d+", re.ASCII)


@frozen_dataclass
class UnresolvedGpu:
    """A requested name that matches no GPU, or whose match cannot be determined."""

    name: str
    is_missing: bool
    by_cdi_only: bool
    """Whether the engine knows only CDI devices, because dockerd does not find the toolkit's hook.
    """


def find_unresolved(
    engine: Engine, driver: GpuDriver, names: Iterable[str]
) -> UnresolvedGpu | None:
    """Return the first name without a GPU, else the first uncertain name; None if all match."""
    by_cdi, by_hook = takes_cdi(engine, driver), has_hook(engine, driver)
    doubt = None
    for name in names:
        answers = [_is_in_cdi(engine, name)] if by_cdi else []
        answers += [_is_in_driver(driver, name)] if by_hook else []
        if not answers or True in answers:
            continue
        unresolved = UnresolvedGpu(name, None not in answers, not by_hook)
        if unresolved.is_missing:
            return unresolved
        doubt = doubt or unresolved
    return doubt


def _is_in_cdi(engine: Engine, name: str) -> bool | None:
    devices = list_cdi_devices(engine)
    if (name if "=" in name else _KIND + name) in devices:
        return True
    return _decide_by_uuid(name, [device.removeprefix(_KIND) for device in devices])


def _is_in_driver(driver: GpuDriver, name: str) -> bool | None:
    if name.lower() == "all":
        return True
    if _NUMBER.fullmatch(name):
        return int(name) < len(driver.gpus)
    if match := _SLICE.fullmatch(name):
        number, position = int(match[1]), int(match[2])
        gpus = driver.gpus
        return number < len(gpus) and position < len(gpus[number].mig_devices)
    if match := _PCI_ADDRESS.fullmatch(name):
        address = f"{int(match[1], 16):04x}:{match[2]}:{match[3]}.0".lower()
        known = [gpu.pci_address for gpu in driver.gpus]
        return True if address in known else (None if None in known else False)
    uuids = [gpu.uuid for gpu in driver.gpus]
    uuids += [device.uuid for gpu in driver.gpus for device in gpu.mig_devices]
    return _decide_by_uuid(name, uuids)


def _decide_by_uuid(name: str, known: list[str]) -> bool | None:
    """Return whether a UUID is known; None if a recording has omitted the UUIDs."""
    if name.lower() in (uuid.lower() for uuid in known):
        return True
    is_uuid = name.upper().startswith(("GPU-", "MIG-"))
    return None if is_uuid and any(map(_STAND_IN.fullmatch, known)) else False
