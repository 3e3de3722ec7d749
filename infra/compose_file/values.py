"""Read the values of a service's keys, each with its line."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from infra.compose_file.dependencies import find_dependencies
from infra.compose_file.devices import DeviceRequest, DeviceRequests
from infra.compose_file.model import HealthCheck, LocatedValue, PublishedPorts, Wait
from infra.compose_file.yaml.tree import (
    Items,
    Origin,
    Table,
    Value,
    descend,
    to_items,
    to_table,
    to_text,
)

# The keys of a service that take a single value.
_SINGLE = (
    "container_name",
    "cpu_period",
    "cpu_quota",
    "cpu_shares",
    "cpus",
    "cpuset",
    "image",
    "ipc",
    "mem_limit",
    "mem_reservation",
    "memswap_limit",
    "network_mode",
    "oom_kill_disable",
    "pid",
    "pids_limit",
    "platform",
    "privileged",
    "restart",
    "runtime",
    "scale",
    "shm_size",
    "user",
    "userns_mode",
)
_RESERVED_DEVICES = "deploy.resources.reservations.devices"
_EVERY = "all"
_ALL_DEVICES = "-1"
_PORTS = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")


def _locate_value(value: Value, origin: Origin) -> LocatedValue:
    """Return a single value with its line."""
    return LocatedValue(to_text(value), origin.line, origin.raw, origin.source.path)


def read_settings(service: Table) -> dict[str, LocatedValue]:
    """Return the value of each single-value key, by the path of the key."""
    found = dict(_read_keys(service, "", _SINGLE))
    found.update(_read_keys(descend(service, "healthcheck"), "healthcheck.", ("start_interval",)))
    found.update(_read_keys(descend(service, "logging"), "logging.", ("driver",)))
    deploy = descend(service, "deploy")
    found.update(_read_keys(deploy, "deploy.", ("replicas",)))
    for kind in ("limits", "reservations"):
        table = descend(deploy, "resources", kind)
        keys = ("memory", "cpus", "pids") if kind == "limits" else ("memory",)
        found.update(_read_keys(table, f"deploy.resources.{kind}.", keys))
    found.update(_read_block_limits(descend(service, "blkio_config")))
    for name, value, origin in to_table(service.get("ulimits")).entries():
        found.update(_read_ulimit(f"ulimits.{name}", value, origin))
    return found


def _read_keys(
    table: Table, prefix: str, keys: tuple[str, ...]
) -> Iterator[tuple[str, LocatedValue]]:
    for key in keys:
        value = table.get(key)
        if value is not None and not isinstance(value, Table | Items):
            yield f"{prefix}{key}", _locate_value(value, table.origins[key])


def _read_block_limits(table: Table) -> Iterator[tuple[str, LocatedValue]]:
    """Yield the weight, and for each list the number of its devices."""
    for key, value, origin in table.entries():
        found = _locate_value(value, origin)
        if isinstance(value, Items):
            found = replace(found, value=str(len(value)))
        yield f"blkio_config.{key}", found


def _read_ulimit(key: str, value: Value, origin: Origin) -> Iterator[tuple[str, LocatedValue]]:
    """Yield the hard limit and the soft limit."""
    if not isinstance(value, Table):
        if value is not None and not isinstance(value, Items):
            yield key, _locate_value(value, origin)
            yield f"{key}.soft", _locate_value(value, origin)
        return
    limits = dict(_read_keys(value, "", ("hard", "soft")))
    for name, other, path in (("hard", "soft", key), ("soft", "hard", f"{key}.soft")):
        if limit := limits.get(name) or limits.get(other):
            yield path, limit


def read_environment(table: Table) -> dict[str, LocatedValue]:
    """Return the variables that have a value."""
    found: dict[str, LocatedValue] = {}
    for name, value, origin in table.entries():
        if value is not None:
            raw = origin.raw.removeprefix(f"{name}=") or to_text(value)
            found[name] = LocatedValue(to_text(value), origin.line, raw, origin.source.path)
    return found


def read_devices(service: Table) -> Iterator[tuple[str, DeviceRequests]]:
    """Yield each key that requests devices, with its requests."""
    reservations = descend(service, "deploy", "resources", "reservations")
    for key, items, capability in (
        ("gpus", to_items(service.get("gpus")), "gpu"),
        (_RESERVED_DEVICES, to_items(reservations.get("devices")), ""),
    ):
        if items:
            requests = tuple(_read_device(to_table(item), capability) for item in items)
            first = items.origins[0]
            yield key, DeviceRequests(requests, first.line, first.source.path)


def read_capabilities(service: Table, key: str) -> Iterator[LocatedValue]:
    """Yield the Linux capabilities in `cap_add` or `cap_drop`."""
    for item, origin in to_items(service.get(key)).entries():
        yield _locate_value(item, origin)


def read_host_devices(service: Table) -> Iterator[LocatedValue]:
    """Yield the device files and CDI devices in `devices`."""
    for item, origin in to_items(service.get("devices")).entries():
        if source := to_text(to_table(item).get("source")):
            yield _locate_value(source, origin)


def read_host_paths(service: Table) -> Iterator[LocatedValue]:
    """Yield the host paths that `volumes` mounts."""
    for item, origin in to_items(service.get("volumes")).entries():
        entry = to_table(item)
        if entry.get("type") == "bind":
            yield _locate_value(entry.get("source"), origin)


def _read_device(entry: Table, capability: str) -> DeviceRequest:
    def read_texts(key: str) -> tuple[str, ...]:
        return tuple(to_text(item) for item in to_items(entry.get(key)))

    count = to_text(entry.get("count"))
    return DeviceRequest(
        to_text(entry.get("driver")),
        read_texts("capabilities") or ((capability,) if capability else ()),
        _EVERY if count == _ALL_DEVICES else count,
        read_texts("device_ids"),
    )


def read_ports(service: Table) -> Iterator[PublishedPorts]:
    """Yield the host ports that a service publishes; a range is one entry."""
    for item, origin in to_items(service.get("ports")).entries():
        entry = to_table(item)
        published = _read_range(to_text(entry.get("published")))
        if published is None:
            continue
        is_choice = "-" not in to_text(entry.get("target")) and published[0] != published[1]
        address = None if origin.raw else entry.get("host_ip")
        yield PublishedPorts(
            to_text(entry.get("host_ip")),
            *published,
            to_text(entry.get("protocol")) or "tcp",
            is_choice,
            origin.line,
            origin.source.path,
            origin.raw,
            None if address is None else _locate_value(address, entry.origins["host_ip"]),
        )


def _read_range(text: str) -> tuple[int, int] | None:
    match = _PORTS.fullmatch(text)
    return (int(match[1]), int(match[2] or match[1])) if match else None


def read_waits(service: Table) -> Iterator[Wait]:
    """Yield the services that a service waits for, each with the condition."""
    for dependency in find_dependencies(service):
        yield Wait(
            dependency.name,
            dependency.condition,
            dependency.origin.line,
            dependency.origin.source.path,
        )


def read_health_check(service: Table) -> HealthCheck:
    """Return the health check; a test written as one string runs in a shell."""
    table = descend(service, "healthcheck")
    test = table.get("test")
    words = tuple(_locate_value(word, origin) for word, origin in to_items(test).entries())
    if isinstance(test, str) and test:
        at = _locate_value(test, table.origins["test"])
        words = (replace(at, value="CMD-SHELL"), at)
    is_disabled = table.get("disable") is True or (bool(words) and words[0].value == "NONE")
    return HealthCheck(words, is_disabled)


def read_mounts(service: Table) -> dict[str, dict[str, str]]:
    """Return the source of each container path: a host path, a secret, a config or a tmpfs."""
    volumes = [to_table(volume) for volume in to_items(service.get("volumes"))]
    return {
        "volumes": {
            to_text(volume.get("target")): to_text(volume.get("source"))
            for volume in volumes
            if volume.get("type") == "bind"
        },
        "tmpfs": dict.fromkeys(_list_scratch_folders(service, volumes), ""),
        "secrets": dict(_read_named_mounts(service, "secrets", "/run/secrets/")),
        "configs": dict(_read_named_mounts(service, "configs", "/")),
    }


def find_read_only_mounts(service: Table) -> frozenset[str]:
    """Return the container paths of `volumes` that are mounted read-only."""
    volumes = (to_table(volume) for volume in to_items(service.get("volumes")))
    return frozenset(
        to_text(volume.get("target")) for volume in volumes if volume.get("read_only") is True
    )


def _list_scratch_folders(service: Table, volumes: Sequence[Table]) -> Iterator[str]:
    given = service.get("tmpfs")
    for item in given if isinstance(given, Items) else [given]:
        yield to_text(item).partition(":")[0]
    for volume in volumes:
        if volume.get("type") == "tmpfs":
            yield to_text(volume.get("target"))


def _read_named_mounts(service: Table, key: str, folder: str) -> Iterator[tuple[str, str]]:
    for item in to_items(service.get(key)):
        entry = to_table(item)
        name = to_text(entry.get("source"))
        target = to_text(entry.get("target")) or name
        yield target if target.startswith("/") else folder + target, name
