"""Convert the values of a service to the format that Compose's `config` prints."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from infra.compose_file.syntax.shell_words import split_command
from infra.compose_file.syntax.sizes import parse_cpus, parse_docker_size, round_to_single
from infra.compose_file.yaml.tree import Items, Table, Value, to_items, to_table, to_text
from qca.core.json_object import is_object

_ALL_DEVICES = -1
_COUNT = re.compile(r"-?[0-9]{1,18}")
_SIZES = ("mem_limit", "mem_reservation", "mem_swappiness", "memswap_limit", "shm_size")


def write_command(value: Value) -> list[str] | None:
    """Write the words of a command, or null if there is no command."""
    if isinstance(value, str):
        return _split(value)
    return None if value is None else [to_text(item) for item in to_items(value)]


def _split(text: str) -> list[str]:
    try:
        return list(split_command(text).words)
    except ValueError:
        return []


def write_cpus(value: Value) -> float | int | None:
    """Write a number of CPUs with the precision that Compose keeps."""
    try:
        number = parse_cpus(value) if isinstance(value, str) else round_to_single(_as_float(value))
    except ValueError:
        return None
    return int(number) if number == int(number) else number


def write_integer(value: Value) -> int | None:
    """Write a whole number; Compose truncates fractions."""
    try:
        return int(value) if isinstance(value, int | float | str) else None
    except (OverflowError, ValueError):
        return None


def _as_float(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def write_size(value: Value) -> str | None:
    """Write a size in bytes, or nothing for 0, which means no limit."""
    try:
        size = parse_docker_size(value) if isinstance(value, str) else value
    except ValueError:
        return None
    return str(size) if isinstance(size, int) and size else None


def _write_request(table: Table) -> dict[str, Any]:
    found: dict[str, Any] = {
        "driver": to_text(table.get("driver")),
        "capabilities": [to_text(capability) for capability in to_items(table.get("capabilities"))],
        "device_ids": [to_text(device_id) for device_id in to_items(table.get("device_ids"))],
        "count": _read_count(to_text(table.get("count"))),
        "options": write_options(table.get("options")),
    }
    return {key: value for key, value in found.items() if value}


def _read_count(text: str) -> int:
    if text.lower() == "all":
        return _ALL_DEVICES
    return int(text) if _COUNT.fullmatch(text) else 0


def write_options(value: Value) -> dict[str, str]:
    """Write a list of `NAME=value`, or a mapping, as a mapping of strings."""
    if isinstance(value, Items):
        pairs = (to_text(item).partition("=") for item in value)
        return {key: text for key, _, text in pairs}
    return {key: to_text(item) for key, item in to_table(value).items()}


def write_requests(value: Value) -> list[dict[str, Any]]:
    """Write device requests; a count of -1 means all devices."""
    return [_write_request(to_table(item)) for item in to_items(value)]


def _write_ports(value: Value) -> list[dict[str, Any]]:
    """Write each port of a range separately; a repeated port replaces the earlier one."""
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
    for number in sorted(range(first, last + 1), key=str):  # the order of Compose's output
        published = {} if start is None else {"published": str(start + number - first)}
        yield {**port, "target": number, **published}


def _read_range(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        return 1, 0
    return int(first), int(last or first)


def _write_mounts(value: Value) -> list[dict[str, Any]]:
    return [_write_mount(to_table(item)) for item in to_items(value)]


def _write_mount(entry: Table) -> dict[str, Any]:
    mount = {key: item for key, item in write_plain(entry).items() if item != ""}
    if mount.get("read_only") is False:
        del mount["read_only"]
    bind, tmpfs = mount.get("bind"), mount.get("tmpfs")
    if (
        is_object(bind) and bind.get("create_host_path") is True
    ):  # the default, which Compose 5 omits
        del bind["create_host_path"]
    if is_object(tmpfs) and (size := write_size(to_table(entry["tmpfs"]).get("size"))):
        tmpfs["size"] = size
    return mount


def _write_files(folder: str) -> Callable[[Value], list[dict[str, Any]]]:
    """Write the mounted secrets or configs; the default target is in `folder`."""

    def write(value: Value) -> list[dict[str, Any]]:
        return [_write_file(to_table(item), folder) for item in to_items(value)]

    return write


def _write_file(entry: Table, folder: str) -> dict[str, Any]:
    written = {key: to_text(value) for key, value in entry.items() if value is not None}
    if isinstance(mode := entry.get("mode"), int):
        written["mode"] = f"{mode:04o}"
    if folder and "target" not in written:
        written["target"] = folder + written.get("source", "")
    return written


def write_plain(value: Value) -> Any:
    """Write a value unchanged."""
    if isinstance(value, Table):
        return {
            key: write_plain(item)
            for key, item in sorted(value.items())
            if item is not None and not key.startswith("x-")
        }
    return [write_plain(item) for item in value] if isinstance(value, Items) else value


def _write_ulimits(value: Value) -> dict[str, Any]:
    return {name: write_plain(limit) or {} for name, limit in sorted(to_table(value).items())}


def _write_texts(value: Value) -> list[str]:
    return [to_text(item) for item in to_items(value)]


WRITERS: dict[str, Callable[[Value], Any]] = {
    **dict.fromkeys(_SIZES, write_size),
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
        write_integer,
    ),
    **dict.fromkeys(
        ("container_name", "cpuset", "image", "network_mode", "restart", "runtime", "user"), to_text
    ),
    "configs": _write_files(""),
    "cpu_percent": write_cpus,
    "cpus": write_cpus,
    "devices": _write_mounts,
    "gpus": write_requests,
    "ports": _write_ports,
    "privileged": write_plain,
    "profiles": _write_texts,
    "secrets": _write_files("/run/secrets/"),
    "ulimits": _write_ulimits,
    "volumes": _write_mounts,
}
