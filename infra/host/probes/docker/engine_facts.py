"""Parse an engine's answers to `/version` and `/info`, from HTTP or from the `docker` program."""

from typing import Any, Literal

from infra.host.facts import Engine
from infra.host.probes.answer_fields import (
    ARRAY,
    OBJECT,
    get_optional,
    parse_integer,
    parse_text,
    parse_texts,
)
from infra.host.probes.docker.endpoint import Endpoint
from qca.core.versions import parse_version

# The API of Engine 1.12 (2016); newer clients such as Compose V2 do not support older versions.
_OLDEST_API = (1, 24)


def parse_engine(endpoint: Endpoint, version: dict[str, Any], info: dict[str, Any]) -> Engine:
    """Return the facts in the two answers.

    Older engines and Podman omit some fields.

    Raises:
        ValueError, TypeError or LookupError: these are not an engine's answers.

    """
    api = get_optional(version, "ApiVersion", str) or ""
    server = get_optional(info, "ServerVersion", str)
    if _is_too_old(api):
        raise ValueError(f"its API {api} is no longer supported")
    devices = get_optional(info, "DiscoveredDevices", ARRAY) or []
    components = get_optional(version, "Components", ARRAY) or []
    return Engine(
        host=endpoint.host,
        context=endpoint.context,
        version=parse_text(get_optional(version, "Version", str) or server),
        api_version=api,
        min_api_version=get_optional(version, "MinAPIVersion", str),
        operating_system=get_optional(info, "OperatingSystem", str) or "",
        cpus=parse_integer(info["NCPU"], "NCPU", least=1),
        memory=parse_integer(info["MemTotal"], "MemTotal"),  # 0 if the engine cannot determine it
        cgroup_version=get_optional(info, "CgroupVersion", str) or "",
        cgroup_driver=get_optional(info, "CgroupDriver", str),
        runtimes=tuple(sorted(get_optional(info, "Runtimes", OBJECT) or {})),
        cdi_devices=tuple(
            parse_text(device["ID"]) for device in devices if device.get("Source") == "cdi"
        ),
        root_dir=get_optional(info, "DockerRootDir", str) or "",
        security_options=parse_texts(get_optional(info, "SecurityOptions", ARRAY)),
        driver=get_optional(info, "Driver", str) or "",
        architecture=get_optional(info, "Architecture", str) or "",
        daemon_architecture=get_optional(version, "Arch", str),
        os_type=get_optional(info, "OSType", str) or "",
        default_runtime=get_optional(info, "DefaultRuntime", str) or "",
        cdi_dirs=parse_texts(get_optional(info, "CDISpecDirs", ARRAY)),
        limits_memory=get_optional(info, "MemoryLimit", bool),
        limits_cpu=get_optional(info, "CpuCfsQuota", bool),
        limits_pids=get_optional(info, "PidsLimit", bool),
        warnings=_read_warnings(info),
        swarm_role=_read_swarm_role(info),
        components={
            parse_text(part["Name"]): parse_text(part.get("Version") or "") for part in components
        },
    )


def _read_warnings(info: dict[str, Any]) -> tuple[str, ...] | None:
    """Return the engine's warnings (null means none); None from engines before 18.09."""
    if "Warnings" not in info:
        return None
    return parse_texts(get_optional(info, "Warnings", ARRAY))


def _read_swarm_role(info: dict[str, Any]) -> Literal["none", "worker", "manager"] | None:
    """Return the engine's role in a swarm; a locked manager has none until it is unlocked."""
    swarm = get_optional(info, "Swarm", OBJECT) or {}
    state = get_optional(swarm, "LocalNodeState", str)
    if not state:
        return None
    if get_optional(swarm, "ControlAvailable", bool):
        return "manager"
    return "none" if state in ("inactive", "locked") else "worker"


def _is_too_old(api: str) -> bool:
    numbers = parse_version(api)
    return bool(numbers) and numbers < _OLDEST_API
