"""The errors of the engine and the toolkit for a container that does not get its GPU."""

from infra.compose_file.devices import DeviceRequest
from infra.host.container_gpu import CDI_FOR_AMD, Obstacle, list_cdi_devices
from infra.host.facts import Engine, GpuDriver
from infra.host.gpu_names import UnresolvedGpu
from qca.core.versions import parse_version

GPU_ERRORS = {
    Obstacle.NO_TOOLKIT: 'could not select device driver "nvidia" with capabilities: [[gpu]]',
    # Observed with Engine 20.10, after adding a hook to a running daemon's PATH.
    Obstacle.NOT_RESTARTED: 'could not select device driver "nvidia" with capabilities: [[gpu]]',
    # https://github.com/HaveAGitGat/Tdarr/issues/1423, containers/podman issue 23935
    Obstacle.STALE_CDI: "CDI device injection failed, or no such file or directory",
    # https://github.com/NVIDIA/nvidia-container-toolkit/issues/139
    Obstacle.NEEDS_NO_CGROUPS: "failed to add device rules: ... operation not permitted",
    # https://github.com/NVIDIA/nvidia-container-toolkit/issues/48
    Obstacle.NO_CGROUPS: "Failed to initialize NVML: Unknown Error",
}

_NO_DRIVER = (Obstacle.NO_TOOLKIT, Obstacle.NOT_RESTARTED)


def quote_refusal(engine: Engine, request: DeviceRequest, obstacle: Obstacle) -> str:
    """Return the engine's error for a GPU request that it cannot satisfy.

    Since 29.3, AMD's driver handles requests that name no driver if the engine found no NVIDIA
    toolkit when it started (moby, daemon/devices_linux.go). A user's report:
    https://github.com/NVIDIA/NemoClaw/issues/3575.
    """
    if obstacle not in _NO_DRIVER:
        return GPU_ERRORS[obstacle]
    has_amd_driver = engine.cdi_dirs and parse_version(engine.version) >= CDI_FOR_AMD
    if not has_amd_driver or request.driver or not request.is_for_amd:
        return request.refusal
    if list_cdi_devices(engine):
        return "AMD CDI spec not found"
    return "failed to discover GPU vendor from CDI: no known GPU vendor found"


def describe_unresolved(missing: UnresolvedGpu, driver: GpuDriver) -> str:
    """Return why no GPU has the requested name, and the error with which the container fails."""
    name = missing.name
    if missing.by_cdi_only:
        return (
            "which is not one of the engine's CDI devices; `nvidia-ctk cdi list` shows them.\nThe "
            "container fails with: CDI device injection failed: unresolvable CDI devices "
            f"nvidia.com/gpu={name}"
        )
    counted = "counted from 0; " if name.isdecimal() else ""
    return (
        f"{counted}this host has {len(driver.gpus)}.\nThe container fails with: device error: "
        f"{name}: unknown device"
    )
