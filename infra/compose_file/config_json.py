"""A project in the shape of `docker compose config --format json`, as far as it is read.

Texts are escaped as Compose escapes them there: a `$` is `$$`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infra.compose_file.dependencies import find_dependencies
from infra.compose_file.project import Project
from infra.compose_file.service_environment import ENV_FILE_VALUES
from infra.compose_file.shell_words import split_command
from infra.compose_file.sizes import parse_cpus, parse_docker_size, round_to_single
from infra.compose_file.yaml_tree import (
    Items,
    Table,
    Value,
    descend,
    to_items,
    to_table,
    to_text,
)

_ALL_DEVICES = -1
_SIZES = ("mem_limit", "mem_reservation", "mem_swappiness", "memswap_limit", "shm_size")


def project_to_json(project: Project) -> dict[str, Any]:
    """Return the document; what no active service uses is left out, as in Compose's own."""
    services = to_table(project.top.get("services"))
    shown = {name: to_table(services[name]) for name in sorted(project.active)}
    document: dict[str, Any] = {
        "name": project.name,
        "services": {name: _write_service(service) for name, service in shown.items()},
    }
    for kind in ("networks", "volumes"):
        used = set().union(*(_list_used(service, kind) for service in shown.values()))
        written = dict(_write_resources(project, kind, used))
        if written:
            document[kind] = written
    return _escape(document)


def _write_service(service: Table) -> dict[str, Any]:
    found: dict[str, Any] = {
        "command": _write_command(service.get("command")),
        "entrypoint": _write_command(service.get("entrypoint")),
        "depends_on": dict(sorted(_write_dependencies(service))),
        "deploy": _write_deploy(service),
        "environment": _write_environment(service),
        "networks": _write_networks(service),
    }
    for key, write in _WRITERS.items():
        if key in service:
            found[key] = write(service[key])
    is_kept = ("command", "entrypoint", "scale")
    return {
        key: value
        for key, value in sorted(found.items())
        if key in is_kept or value not in (None, "", 0, False, [], {})
    }


def _write_command(value: Value) -> list[str] | None:
    if isinstance(value, str):
        return _split(value)
    return None if value is None else [to_text(item) for item in to_items(value)]


def _split(text: str) -> list[str]:
    try:
        return list(split_command(text).words)
    except ValueError:
        return []


def _write_dependencies(service: Table) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in find_dependencies(service):
        entry: dict[str, Any] = {"condition": one.condition, "required": one.is_required}
        yield one.name, {**entry, "restart": True} if one.restart else entry


def _write_environment(service: Table) -> dict[str, str | None]:
    both = {**to_table(service.get(ENV_FILE_VALUES)), **to_table(service.get("environment"))}
    return {key: None if value is None else to_text(value) for key, value in sorted(both.items())}


def _write_networks(service: Table) -> dict[str, Any] | None:
    """A service that names no network is in the default one."""
    networks = service.get("networks")
    if isinstance(networks, Table) and networks:
        return {key: _write_plain(value) or None for key, value in sorted(networks.items())}
    is_apart = service.get("network_mode") or service.get("provider")
    return None if is_apart else {"default": None}


def _write_deploy(service: Table) -> dict[str, Any] | None:
    deploy = service.get("deploy")
    if not isinstance(deploy, Table):
        return None
    resources = descend(deploy, "resources")
    written = {
        key: _write_resource_limits(to_table(resources[key]))
        for key in ("limits", "reservations")
        if isinstance(resources.get(key), Table)
    }
    found: dict[str, Any] = {
        "resources": written,
        "placement": _write_plain(deploy.get("placement")) or {},
    }
    count = service.get("scale", deploy.get("replicas"))
    if (replicas := _write_integer(count)) is not None:
        found["replicas"] = replicas
    return found


def _write_resource_limits(table: Table) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if cpus := _write_cpus(table.get("cpus")):
        found["cpus"] = cpus
    if memory := _write_size(table.get("memory")):
        found["memory"] = memory
    if pids := _write_integer(table.get("pids")):
        found["pids"] = pids
    if devices := to_items(table.get("devices")):
        found["devices"] = [_write_request(to_table(one)) for one in devices]
    return found


def _write_cpus(value: Value) -> float | int | None:
    try:
        number = parse_cpus(value) if isinstance(value, str) else round_to_single(_to_float(value))
    except ValueError:
        return None
    return int(number) if number == int(number) else number


def _write_integer(value: Value) -> int | None:
    """Write a whole number, to which Compose cuts a fraction."""
    try:
        return int(value) if isinstance(value, int | float | str) else None
    except (OverflowError, ValueError):
        return None


def _to_float(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _write_size(value: Value) -> str | None:
    try:
        size = parse_docker_size(value) if isinstance(value, str) else value
    except ValueError:
        return None
    return str(size) if isinstance(size, int) and size else None


def _write_request(table: Table) -> dict[str, Any]:
    count = to_text(table.get("count"))
    found: dict[str, Any] = {
        "driver": to_text(table.get("driver")),
        "capabilities": [to_text(one) for one in to_items(table.get("capabilities"))],
        "device_ids": [to_text(one) for one in to_items(table.get("device_ids"))],
        "count": _ALL_DEVICES
        if count.lower() == "all"
        else int(count)
        if _is_integer(count)
        else 0,
        "options": _write_options(table.get("options")),
    }
    return {key: value for key, value in found.items() if value}


def _is_integer(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _write_options(value: Value) -> dict[str, str]:
    if isinstance(value, Items):
        pairs = (to_text(item).partition("=") for item in value)
        return {key: text for key, _, text in pairs}
    return {key: to_text(one) for key, one in to_table(value).items()}


def _write_requests(value: Value) -> list[dict[str, Any]]:
    return [_write_request(to_table(one)) for one in to_items(value)]


def _write_ports(value: Value) -> list[dict[str, Any]]:
    """Write each port of a range for itself; one that is there again goes in its place."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for entry in to_items(value):
        for port in _expand_port(to_table(entry)):
            key = tuple(port.get(part) for part in ("host_ip", "published", "target", "protocol"))
            found[key] = port
    return list(found.values())


def _expand_port(entry: Table) -> Iterator[dict[str, Any]]:
    port: dict[str, Any] = {
        key: to_text(value)
        for key, value in entry.items()
        if value is not None and not key.startswith("x-")
    }
    target = entry.get("target")
    if isinstance(target, int):
        yield {**port, "target": target}
        return
    first, last = _read_range(to_text(target))
    start = _read_range(port["published"])[0] if "published" in port else None
    for number in sorted(range(first, last + 1), key=str):  # so Compose sorts them
        published = {} if start is None else {"published": str(start + number - first)}
        yield {**port, "target": number, **published}


def _read_range(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        return 1, 0
    return int(first), int(last or first)


def _write_mounts(value: Value) -> list[dict[str, Any]]:
    return [_write_mount(to_table(one)) for one in to_items(value)]


def _write_mount(entry: Table) -> dict[str, Any]:
    mount = {key: one for key, one in _write_plain(entry).items() if one != ""}
    if mount.get("read_only") is False:
        del mount["read_only"]
    bind, tmpfs = mount.get("bind"), mount.get("tmpfs")
    if (
        isinstance(bind, dict) and bind.get("create_host_path") is True
    ):  # the default, which Compose 5 leaves out
        del bind["create_host_path"]
    if isinstance(tmpfs, dict) and (size := _write_size(to_table(entry["tmpfs"]).get("size"))):
        tmpfs["size"] = size
    return mount


def _write_files(folder: str) -> Callable[[Value], list[dict[str, Any]]]:
    """Write what is mounted of secrets and configs, in the `folder` where no target is given."""

    def write(value: Value) -> list[dict[str, Any]]:
        return [_write_file(to_table(one), folder) for one in to_items(value)]

    return write


def _write_file(entry: Table, folder: str) -> dict[str, Any]:
    written = {key: to_text(value) for key, value in entry.items() if value is not None}
    if isinstance(mode := entry.get("mode"), int):
        written["mode"] = f"{mode:04o}"
    if folder and "target" not in written:
        written["target"] = folder + written.get("source", "")
    return written


def _write_plain(value: Value) -> Any:
    """Write a value as it is."""
    if isinstance(value, Table):
        return {
            key: _write_plain(one)
            for key, one in sorted(value.items())
            if one is not None and not key.startswith("x-")
        }
    return [_write_plain(one) for one in value] if isinstance(value, Items) else value


def _write_ulimits(value: Value) -> dict[str, Any]:
    return {name: _write_plain(limit) or {} for name, limit in sorted(to_table(value).items())}


def _write_texts(value: Value) -> list[str]:
    return [to_text(one) for one in to_items(value)]


def _write_resources(
    project: Project, kind: str, used: set[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    defined = to_table(project.top.get(kind))
    for name in sorted(used):
        if name not in defined and (kind, name) != ("networks", "default"):
            continue
        entry: dict[str, Any] = _write_plain(to_table(defined.get(name)))
        is_external = entry.get("external") is True
        entry.setdefault("name", name if is_external else f"{project.name}_{name}")
        if kind == "networks":
            entry.setdefault("ipam", {})
        for key in ("labels", "driver_opts"):
            if key in entry:
                entry[key] = _write_options(to_table(defined.get(name)).get(key))
        yield name, {key: value for key, value in entry.items() if value is not False}


def _list_used(service: Table, kind: str) -> set[str]:
    if kind == "networks":
        return set(_write_networks(service) or ())
    entries = (to_table(one) for one in to_items(service.get("volumes")))
    return {to_text(one.get("source")) for one in entries if one.get("type") == "volume"}


def _escape(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, Mapping):
        return {key: _escape(one) for key, one in value.items()}
    return [_escape(one) for one in value] if isinstance(value, list) else value


_WRITERS: dict[str, Callable[[Value], Any]] = {
    **dict.fromkeys(_SIZES, _write_size),
    **dict.fromkeys(
        (
            "cpu_count",
            "cpu_period",
            "cpu_quota",
            "cpu_rt_period",
            "cpu_rt_runtime",
            "cpu_shares",
            "scale",
        ),
        _write_integer,
    ),
    **dict.fromkeys(
        ("container_name", "cpuset", "image", "network_mode", "restart", "runtime", "user"), to_text
    ),
    "configs": _write_files(""),
    "cpu_percent": _write_cpus,
    "cpus": _write_cpus,
    "devices": _write_mounts,
    "gpus": _write_requests,
    "ports": _write_ports,
    "privileged": _write_plain,
    "profiles": _write_texts,
    "secrets": _write_files("/run/secrets/"),
    "ulimits": _write_ulimits,
    "volumes": _write_mounts,
}
