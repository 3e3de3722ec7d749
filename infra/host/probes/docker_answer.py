"""What an engine's answers to `/version` and `/info` say, whichever way they were had."""

from typing import Any

from infra.host.facts.host import Engine
from infra.host.probes.answers import optional, text, texts, whole
from infra.host.probes.docker_endpoint import Endpoint

# Engine 1.12 of 2016; newer clients, Compose V2 among them, speak to no older one.
_OLDEST_API = (1, 24)


def engine(endpoint: Endpoint, version: dict[str, Any], info: dict[str, Any]) -> Engine:
    """Return the facts in the two answers.

    Older engines, and Podman in Docker's place, leave fields out.

    Raises:
        ValueError, TypeError or LookupError: if these are not an engine's answers.

    """
    api = optional(version, "ApiVersion", str) or ""
    server = optional(info, "ServerVersion", str)
    if _too_old(api):
        raise ValueError(f"its API {api} is no longer supported")
    return Engine(
        host=endpoint.host,
        context=endpoint.context,
        version=text(optional(version, "Version", str) or server),
        api_version=api,
        operating_system=optional(info, "OperatingSystem", str) or "",
        cpus=whole(info["NCPU"], "NCPU", least=1),
        memory=whole(info["MemTotal"], "MemTotal"),  # 0 where it cannot see it
        cgroup_version=optional(info, "CgroupVersion", str) or "",
        runtimes=tuple(sorted(optional(info, "Runtimes", dict) or {})),
        cdi_devices=tuple(
            text(device["ID"])
            for device in optional(info, "DiscoveredDevices", list) or ()
            if device.get("Source") == "cdi"
        ),
        root_dir=optional(info, "DockerRootDir", str) or "",
        security_options=texts(optional(info, "SecurityOptions", list)),
        driver=optional(info, "Driver", str) or "",
        architecture=optional(info, "Architecture", str) or "",
        os_type=optional(info, "OSType", str) or "",
        default_runtime=optional(info, "DefaultRuntime", str) or "",
        cdi_dirs=texts(optional(info, "CDISpecDirs", list)),
        limits_memory=optional(info, "MemoryLimit", bool),
        limits_cpu=optional(info, "CpuCfsQuota", bool),
        components={
            text(part["Name"]): text(part.get("Version") or "")
            for part in optional(version, "Components", list) or ()
        },
    )


def _too_old(api: str) -> bool:
    numbers = api.split(".")
    if len(numbers) != 2 or not all(one.isdecimal() for one in numbers):
        return False
    return (int(numbers[0][:9]), int(numbers[1][:9])) < _OLDEST_API
