"""Convert the limits of a service in the planned Compose file to the SDK's arguments."""

from collections.abc import Mapping
from typing import Any

from qca.core.units import parse_size

# The planned file gives durations in seconds; the engine's API expects nanoseconds.
_NANOSECONDS = 10**9


def translate_limits(service: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `create_host_config` with the planned limits of a service."""
    return {
        "read_only": service["read_only"],
        "cap_drop": service["cap_drop"],
        "security_opt": service["security_opt"],
        "mem_limit": parse_size(service["mem_limit"]),
        "pids_limit": service["pids_limit"],
        "tmpfs": {mount.partition(":")[0]: mount.partition(":")[2] for mount in service["tmpfs"]},
        "userns_mode": service.get("userns_mode"),
    }


def translate_healthcheck(service: Mapping[str, Any]) -> dict[str, Any]:
    """Return a service's health check in the format of the engine's API."""
    check = service["healthcheck"]
    return {
        "test": [word.replace("$$", "$") for word in check["test"]],
        "retries": check["retries"],
        **{
            key: int(check[key].removesuffix("s")) * _NANOSECONDS
            for key in ("interval", "timeout", "start_period")
        },
    }
