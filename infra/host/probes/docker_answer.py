"""What an engine's answers to `/version` and `/info` say, whichever way they were had."""

from collections.abc import Mapping
from typing import Any, TypeVar

from infra.host.facts import Engine
from infra.host.probes.docker_endpoint import Endpoint

T = TypeVar("T")

# Engine 1.12 of 2016; newer clients, Compose V2 among them, speak to no older one.
_OLDEST_API = (1, 24)


def engine(endpoint: Endpoint, version: dict[str, Any], info: dict[str, Any]) -> Engine:
    """Return the facts in the two answers.

    Older engines, and Podman in Docker's place, leave fields out.

    Raises:
        ValueError, TypeError or LookupError: if these are not an engine's answers.

    """
    api = _of(version, "ApiVersion", str) or ""
    server = _of(info, "ServerVersion", str)
    if _too_old(api):
        raise ValueError(f"its API {api} is no longer supported")
    return Engine(
        host=endpoint.host,
        context=endpoint.context,
        version=_text(_of(version, "Version", str) or server),
        api_version=api,
        operating_system=_of(info, "OperatingSystem", str) or "",
        cpus=_number(info, "NCPU", least=1),
        memory=_number(info, "MemTotal", least=0),  # 0 where it cannot see it
        cgroup_version=_of(info, "CgroupVersion", str) or "",
        runtimes=tuple(sorted(_of(info, "Runtimes", dict) or {})),
        cdi_devices=tuple(
            _text(device["ID"])
            for device in _of(info, "DiscoveredDevices", list) or ()
            if device.get("Source") == "cdi"
        ),
        root_dir=_of(info, "DockerRootDir", str) or "",
        security_options=tuple(map(_text, _of(info, "SecurityOptions", list) or ())),
        driver=_of(info, "Driver", str) or "",
        architecture=_of(info, "Architecture", str) or "",
        os_type=_of(info, "OSType", str) or "",
        default_runtime=_of(info, "DefaultRuntime", str) or "",
        cdi_dirs=tuple(map(_text, _of(info, "CDISpecDirs", list) or ())),
        limits_memory=_of(info, "MemoryLimit", bool),
        limits_cpu=_of(info, "CpuCfsQuota", bool),
        components={
            _text(part["Name"]): _text(part.get("Version") or "")
            for part in _of(version, "Components", list) or ()
        },
    )


def _of(answer: Mapping[str, Any], key: str, kind: type[T]) -> T | None:
    """Return a field that may be left out; what is of another kind is not taken for it."""
    found: Any = answer.get(key)
    is_it = isinstance(found, kind) and (kind is bool or not isinstance(found, bool))
    if found is not None and not is_it:
        raise TypeError(f"{key} is {type(found).__name__}")
    return found


def _text(found: Any) -> str:
    if not isinstance(found, str):
        raise TypeError(f"{found!r:.40} is no text")
    return found


def _number(answer: Mapping[str, Any], key: str, *, least: int) -> int:
    found = _of(answer, key, int)
    if found is None or not least <= found < 2**63:  # what Go's int64 holds
        raise ValueError(f"{key} is {found}")
    return found


def _too_old(api: str) -> bool:
    numbers = api.split(".")
    if len(numbers) != 2 or not all(one.isdecimal() for one in numbers):
        return False
    return (int(numbers[0][:9]), int(numbers[1][:9])) < _OLDEST_API
