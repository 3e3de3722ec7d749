"""The devices that a service requests from the engine's drivers, with `gpus` or a reservation."""

from qca.core.frozen import frozen_dataclass

# The engine's drivers (moby, daemon/devices_nvidia_linux.go and devices_amd_linux.go).
_NVIDIA = frozenset(
    {"compat32", "compute", "display", "gpu", "graphics", "nvidia", "utility", "video"}
)
_AMD = frozenset({"amd", "gpu"})


@frozen_dataclass
class DeviceRequest:
    """One device request."""

    driver: str = ""
    capabilities: tuple[str, ...] = ()
    count: str = ""
    """A number or `all`; empty if the file does not set it."""
    ids: tuple[str, ...] = ()

    @property
    def is_for_nvidia(self) -> bool:
        """Whether the engine's NVIDIA driver, if it has one, handles the request."""
        return self.driver in ("", "nvidia") and _NVIDIA.issuperset(self.capabilities)

    @property
    def is_for_amd(self) -> bool:
        """Whether the engine's AMD driver, if it has one, handles the request."""
        return self.driver in ("", "amd") and _AMD.issuperset(self.capabilities)

    @property
    def refusal(self) -> str:
        """The engine's error message if it has no driver for the request."""
        capabilities = f"[{' '.join(self.capabilities)}]" if self.capabilities else ""
        return f'could not select device driver "{self.driver}" with capabilities: [{capabilities}]'


@frozen_dataclass
class DeviceRequests:
    """The devices that one key of a service requests, and its line."""

    requests: tuple[DeviceRequest, ...]
    line: int
    file: str = ""
