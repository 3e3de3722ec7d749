"""The values under the keys of a service, each with its line.

Only known keys are visited, so that aliases cannot make the walk long.
"""

from collections.abc import Iterator
from typing import Any

from ruamel.yaml.comments import CommentedMap

from infra.compose_file.devices import DeviceRequest, DeviceRequests
from infra.compose_file.model import LocatedValue
from infra.compose_file.scope import Scope, interpolate_at, read_scalar
from infra.compose_file.old_yaml_nodes import (
    descend,
    find_item_line,
    find_line,
    split_assignment,
    to_list,
    to_mapping,
    to_text,
)

_PORTS = 2**16

# Keys of a service that hold one value.
_SINGLE = (
    "image",
    "mem_limit",
    "mem_reservation",
    "memswap_limit",
    "cpus",
    "cpu_quota",
    "cpu_period",
    "cpuset",
    "runtime",
)


def read_environment(scope: Scope, service: CommentedMap, line: int) -> dict[str, LocatedValue]:
    """Return what `environment` sets; a name alone has the value of the host's variable."""
    value = service.get("environment")
    at = find_line(service, "environment", line)
    if isinstance(value, CommentedMap):
        pairs = [(str(key), value[key], find_line(value, key, at)) for key in value]
    else:
        pairs = [
            (*split_assignment(to_text(item)), find_item_line(value, index, at))
            for index, item in enumerate(to_list(value))
        ]
    return {
        name: LocatedValue(
            interpolate_at(scope, to_text(written), spot), spot, to_text(written), scope.path
        )
        for name, given, spot in pairs
        if (written := scope.variables.get(name) if given is None else given) is not None
    }


def read_settings(scope: Scope, service: CommentedMap, line: int) -> dict[str, LocatedValue]:
    """Return the single values by the paths of their keys."""
    limits = descend(service, "deploy", "resources", "limits")
    found = {key: read_scalar(scope, service, key, line) for key in _SINGLE}
    for key in ("memory", "cpus"):
        found[f"deploy.resources.limits.{key}"] = read_scalar(scope, limits, key, line)
    reserved = descend(service, "deploy", "resources", "reservations")
    found["deploy.resources.reservations.memory"] = read_scalar(scope, reserved, "memory", line)
    for name in descend(service, "ulimits"):
        hard, soft = _read_ulimit(scope, service, name, line)
        found[f"ulimits.{name}"], found[f"ulimits.{name}.soft"] = hard, soft
    return {key: text for key, text in found.items() if text is not None}


def read_devices(
    scope: Scope, service: CommentedMap, line: int
) -> Iterator[tuple[str, DeviceRequests]]:
    """Yield the keys that request devices, each with its requests."""
    if asked := service.get("gpus"):
        at = find_line(service, "gpus", line)
        requests = [_read_device(scope, item, "gpu", at) for item in to_list(asked)]
        every_gpu = DeviceRequest(capabilities=("gpu",), count="all")
        yield "gpus", DeviceRequests(tuple(requests) or (every_gpu,), at, scope.path)
    reservations = descend(service, "deploy", "resources", "reservations")
    if devices := to_list(reservations.get("devices")):
        at = find_item_line(reservations["devices"], 0, line)
        requests = [_read_device(scope, item, "", at) for item in devices]
        key = "deploy.resources.reservations.devices"
        yield key, DeviceRequests(tuple(requests), at, scope.path)


def _read_device(scope: Scope, item: Any, capability: str, line: int) -> DeviceRequest:
    entry = to_mapping(item)

    def texts(key: str) -> tuple[str, ...]:
        return tuple(interpolate_at(scope, to_text(one), line) for one in to_list(entry.get(key)))

    driver, count = (
        interpolate_at(scope, to_text(entry.get(key)), line) for key in ("driver", "count")
    )
    implied = (capability,) if capability else ()
    count = "all" if count == "-1" else count  # so Compose writes it
    return DeviceRequest(driver, texts("capabilities") or implied, count, texts("device_ids"))


def read_ports(scope: Scope, service: CommentedMap, line: int) -> Iterator[LocatedValue]:
    """Yield the host ports that a service publishes by TCP."""
    value = service.get("ports")
    for index, item in enumerate(to_list(value)):
        at = find_item_line(value, index, find_line(service, "ports", line))
        if _find_protocol(item) not in ("", "tcp"):
            continue  # whoever listens by TCP has another port
        if isinstance(item, CommentedMap):
            address, port = (to_text(item.get(key)) for key in ("host_ip", "published"))
            published = interpolate_at(scope, f"{address}:{port}" if address else port, at)
        else:  # [ADDRESS:]HOST:CONTAINER[/PROTOCOL]; CONTAINER alone takes any free port
            published = (
                interpolate_at(scope, to_text(item), at).partition("/")[0].rpartition(":")[0]
            )
        for one in _expand_ports(published):
            yield LocatedValue(one, at, one, scope.path)


def _read_ulimit(
    scope: Scope, service: CommentedMap, name: Any, line: int
) -> tuple[LocatedValue | None, LocatedValue | None]:
    """Return the hard limit and the soft one."""
    asked = descend(service, "ulimits").get(name)
    if isinstance(asked, CommentedMap):
        hard, soft = (read_scalar(scope, asked, key, line) for key in ("hard", "soft"))
        return hard or soft, soft or hard
    both = read_scalar(scope, descend(service, "ulimits"), name, line)
    return both, both


def read_mounts(scope: Scope, service: CommentedMap, line: int) -> dict[str, dict[str, str]]:
    """Return what is seen where: bind mounts by path, secrets and configs by name."""
    at = find_line(service, "volumes", line)
    return {
        "volumes": dict(_read_bind_mounts(scope, service, at)),
        "secrets": dict(_read_named_mounts(scope, service, "secrets", "/run/secrets/")),
        "configs": dict(_read_named_mounts(scope, service, "configs", "/")),
    }


def _read_bind_mounts(scope: Scope, service: CommentedMap, line: int) -> Iterator[tuple[str, str]]:
    for item in to_list(service.get("volumes")):
        if isinstance(item, CommentedMap):
            if item.get("type") == "bind":
                source, target = to_text(item.get("source")), to_text(item.get("target"))
                yield (
                    interpolate_at(scope, target, line),
                    scope.references.resolve_path(interpolate_at(scope, source, line)),
                )
        else:
            source, _, rest = interpolate_at(scope, to_text(item), line).partition(":")
            if source.startswith(("/", ".", "~")):
                yield rest.partition(":")[0], scope.references.resolve_path(source)


def _read_named_mounts(
    scope: Scope, service: CommentedMap, key: str, folder: str
) -> Iterator[tuple[str, str]]:
    for item in to_list(service.get(key)):
        entry = to_mapping(item)
        name = to_text(entry.get("source") if entry else item)
        target = to_text(entry.get("target")) or name
        yield target if target.startswith("/") else folder + target, name


def _find_protocol(port: Any) -> str:
    if isinstance(port, CommentedMap):
        return to_text(port.get("protocol"))
    return to_text(port).partition("/")[2]


def _expand_ports(published: str) -> list[str]:
    """Return each port of `[ADDRESS:]PORT` or `[ADDRESS:]FIRST-LAST`; none of an empty text."""
    address, colon, ports = published.rpartition(":")
    first, dash, last = ports.partition("-")
    if not (dash and first.isdecimal() and last.isdecimal() and int(last) < _PORTS):
        return [published] if published else []
    return [f"{address}{colon}{port}" for port in range(int(first), int(last) + 1)]
