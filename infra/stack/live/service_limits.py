"""What the planned Compose file says of a service, as the SDK's arguments."""

from collections.abc import Mapping
from typing import Any

from qca.core.units import parse_size

# Compose's durations, as the planned file writes them, in the nanoseconds of the engine's API.
_NANOSECONDS = 10**9


def translate_limits(service: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `create_host_config` that confine a service as planned."""
    return {
        "read_only": service["read_only"],
        "cap_drop": service["cap_drop"],
        "security_opt": service["security_opt"],
        "mem_limit": parse_size(service["mem_limit"]),
        "pids_limit": service["pids_limit"],
        "tmpfs": {one.partition(":")[0]: one.partition(":")[2] for one in service["tmpfs"]},
        "userns_mode": service.get("userns_mode"),
    }


def translate_healthcheck(service: Mapping[str, Any]) -> dict[str, Any]:
    """Return a service's health check as the engine's API takes it."""
    check = service["healthcheck"]
    return {
        "test": [word.replace("$$", "$") for word in check["test"]],
        "retries": check["retries"],
        **{
            key: int(check[key].removesuffix("s")) * _NANOSECONDS
            for key in ("interval", "timeout", "start_period")
        },
    }
