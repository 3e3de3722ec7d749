"""Find the NVIDIA cards on the PCI bus, with or without a driver."""

from collections.abc import Iterator
from pathlib import Path

from infra.host.errors import ProbeError, describe_error
from infra.host.files import read_text

# PCI ID repository: vendor 10de is NVIDIA; base class 03 is a display controller.
_NVIDIA = "0x10de"
_DISPLAY = "0x03"


def find_nvidia_cards(root: Path = Path("/")) -> tuple[str, ...]:
    """Return the PCI address and device id of each card, e.g. `0000:01:00.0 10de:1f82`."""
    return tuple(sorted(_find_cards(root / "sys/bus/pci/devices")))


def _find_cards(folder: Path) -> Iterator[str]:
    try:
        devices = list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return  # no PCI bus: macOS, WSL2, small boards
    except OSError as error:
        raise ProbeError(f"{folder} could not be read: {describe_error(error)}") from None
    for device in devices:
        try:
            vendor, kind, model = (
                read_text(device / name).strip() for name in ("vendor", "class", "device")
            )
        except ProbeError:
            continue
        if vendor == _NVIDIA and kind.startswith(_DISPLAY):
            yield f"{device.name} {vendor[2:]}:{model[2:]}"
