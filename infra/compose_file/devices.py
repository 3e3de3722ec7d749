"""What a service asks of the engine's device drivers: `gpus`, or reservations of devices."""

from dataclasses import dataclass

# What the engine's drivers take (moby, daemon/devices_nvidia_linux.go and devices_amd_linux.go).
_NVIDIA = frozenset(
    {"compat32", "compute", "display", "gpu", "graphics", "nvidia", "utility", "video"}
)
_AMD = frozenset({"amd", "gpu"})


@dataclass(frozen=True)
class DeviceRequest:
    """One entry of the list."""

    driver: str = ""
    capabilities: tuple[str, ...] = ()
    count: str = ""
    """A number or `all`; empty where it is not given."""
    ids: tuple[str, ...] = ()

    @property
    def is_for_nvidia(self) -> bool:
        """Whether the engine hands it to its driver for NVIDIA, if it has that."""
        return self.driver in ("", "nvidia") and _NVIDIA.issuperset(self.capabilities)

    @property
    def is_for_amd(self) -> bool:
        """Whether the engine hands it to its driver for AMD, if it has that."""
        return self.driver in ("", "amd") and _AMD.issuperset(self.capabilities)

    @property
    def refusal(self) -> str:
        """What the engine says where it has no driver for it."""
        capabilities = f"[{' '.join(self.capabilities)}]" if self.capabilities else ""
        return f'could not select device driver "{self.driver}" with capabilities: [{capabilities}]'


@dataclass(frozen=True)
class DeviceRequests:
    """What one key of a service requests, and the line on which it does."""

    requests: tuple[DeviceRequest, ...]
    line: int
    file: str = ""
