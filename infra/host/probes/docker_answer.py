"""What an engine's answers to `/version` and `/info` say, whichever way they were had."""

from typing import Any

from infra.host.facts import Engine
from infra.host.probes.docker_endpoint import Endpoint


def engine(endpoint: Endpoint, version: dict[str, Any], info: dict[str, Any]) -> Engine:
    """Return the facts in the two answers.

    Older engines, and Podman in Docker's place, leave fields out.
    """
    return Engine(
        host=endpoint.host,
        context=endpoint.context,
        version=version.get("Version") or info["ServerVersion"],
        api_version=version.get("ApiVersion") or "",
        operating_system=info.get("OperatingSystem") or "",
        cpus=info["NCPU"],
        memory=info["MemTotal"],
        cgroup_version=info.get("CgroupVersion") or "",
        runtimes=tuple(sorted(info.get("Runtimes") or ())),
        cdi_devices=tuple(
            device["ID"]
            for device in info.get("DiscoveredDevices") or ()
            if device.get("Source") == "cdi"
        ),
        root_dir=info.get("DockerRootDir") or "",
        security_options=tuple(info.get("SecurityOptions") or ()),
        driver=info.get("Driver") or "",
        architecture=info.get("Architecture") or "",
        os_type=info.get("OSType") or "",
        default_runtime=info.get("DefaultRuntime") or "",
        cdi_dirs=tuple(info.get("CDISpecDirs") or ()),
        limits_memory=bool(info.get("MemoryLimit", True)),
        limits_cpu=bool(info.get("CpuCfsQuota", True)),
        components={
            part["Name"]: part.get("Version") or "" for part in version.get("Components") or ()
        },
    )
