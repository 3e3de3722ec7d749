"""Apply Compose's own values (`docker compose config`) to our reading of a project.

The values are Compose's, and the positions are ours. `infra.host.probes.compose_config` asks
Compose.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.compose_file.devices import DeviceRequests
from infra.compose_file.model import (
    UNCERTAIN_TAGS,
    ComposeFile,
    LocatedValue,
    PublishedPorts,
    Service,
)
from infra.compose_file.passes.interpolate import interpolate_document
from infra.compose_file.services import read_services
from infra.compose_file.syntax.sizes import parse_docker_size
from infra.compose_file.yaml.tree import Origin, Source, Table, Value, make_items, to_table
from qca.core.json_object import is_array, is_object
from qca.core.masking import mask_secrets

_DEEPEST = 100


def apply_answer(file: ComposeFile, document: Any, confirmed_by: str) -> ComposeFile:
    """Return the file with the values of the JSON document that `docker compose config` prints.

    If the document cannot be used, our own reading is kept, with the reason.
    """
    try:
        services = _read_services(document, file.path)
    except (ValueError, RecursionError) as error:
        return replace(file, not_confirmed_because=f"its output cannot be parsed: {error}")
    return _replace_values(file, services, confirmed_by)


def apply_refusal(file: ComposeFile, message: str) -> ComposeFile:
    """Return the file with Compose's error message, masking the variables that it may repeat.

    The names of services are shown even if a variable has the same value.
    """
    variables = (
        variable.value for service in file.services for variable in service.environment.values()
    )
    names = {service.name for service in file.services}
    names.update(wait.name for service in file.services for wait in service.waits)
    return replace(file, refused=mask_secrets(message, file.hidden.union(variables) - names))


def _read_services(document: Any, path: str) -> tuple[Service, ...]:
    if not is_object(document) or not is_object(document.get("services")):
        raise ValueError("no JSON object with services")
    origin = Origin(Source(path, (), {}), 1)
    written = _convert_to_tree(document, origin, 0)
    top = interpolate_document(to_table(written), {}).top  # Compose writes a dollar sign as $$
    return tuple(read_services(top, to_table(top.get("services")), env_file_values={}))


def _convert_to_tree(value: Any, origin: Origin, depth: int) -> Value:
    """Return a JSON value as a tree whose values share one origin."""
    if depth > _DEEPEST:
        raise ValueError("nested too deep")
    if is_object(value):
        table = Table()
        for key, item in value.items():
            table.put(str(key), _convert_to_tree(item, origin, depth + 1), origin)
        return table
    if is_array(value):
        return make_items((_convert_to_tree(item, origin, depth + 1), origin) for item in value)
    return value if isinstance(value, str | int | float | bool) else None


def _replace_values(
    file: ComposeFile, services: tuple[Service, ...], confirmed_by: str
) -> ComposeFile:
    answered = {service.name: service for service in services}
    read = {service.name for service in file.services}
    return replace(
        file,
        services=tuple(
            _keep_positions(answered[own.name], own) if own.name in answered else own
            for own in file.services
        )
        + tuple(service for service in services if service.name not in read),
        unread=tuple(reference for reference in file.unread if reference.is_nondeterministic),
        confirmed_by=confirmed_by,
        refused="",
        refusals=(),
    )


def _keep_positions(answered: Service, own: Service) -> Service:
    """Return Compose's values of a service, with our positions."""

    return replace(
        own,
        settings=_locate_values(answered.settings, own.settings, own),
        entrypoint=_locate_words(answered.entrypoint, own.entrypoint, own),
        arguments=_locate_words(answered.arguments, own.arguments, own),
        variables=_locate_values(answered.variables, own.environment, own),
        env_file_values={},
        ports=_locate_ports(answered.ports, own),
        profiles=answered.profiles,
        mounts=_keep_own_paths(answered, own),
        read_only_mounts=answered.read_only_mounts,
        added_capabilities=_locate_words(answered.added_capabilities, own.added_capabilities, own),
        dropped_capabilities=_locate_words(
            answered.dropped_capabilities, own.dropped_capabilities, own
        ),
        devices=_keep_device_lines(answered, own),
        unread_sources=tuple(key for key in own.unread_sources if key == UNCERTAIN_TAGS),
    )


def _locate_words(
    words: Iterable[LocatedValue], candidates: Iterable[LocatedValue], own: Service
) -> tuple[LocatedValue, ...]:
    """Return Compose's words, each with the position of an equal word of ours.

    Each of our words is used only once.
    """
    left: list[LocatedValue] = list(candidates)
    located: list[LocatedValue] = []
    for word in words:
        match = next((port for port in left if _has_same_meaning(port.value, word.value)), None)
        if match is not None:
            left.remove(match)
        located.append(match or _locate_at_service(word, own))
    return tuple(located)


def _locate_ports(ports: Iterable[PublishedPorts], own: Service) -> tuple[PublishedPorts, ...]:
    """Return Compose's ports, with our positions; Compose lists each port of a range separately."""
    located = (_find_ports(port, own) for port in ports)
    return tuple(dict.fromkeys(located))


def _find_ports(ports: PublishedPorts, own: Service) -> PublishedPorts:
    for port in own.ports:
        is_within = port.first <= ports.first and ports.last <= port.last
        if is_within and (port.protocol, port.address) == (ports.protocol, ports.address):
            return port
    return replace(ports, line=own.line, file=own.file, written="", written_address=None)


def _locate_values(
    values: Mapping[str, LocatedValue], ours: Mapping[str, LocatedValue], own: Service
) -> dict[str, LocatedValue]:
    """Return Compose's values, with the positions of our keys."""

    def locate(key: str, value: LocatedValue) -> LocatedValue:
        if key not in ours:
            return _locate_at_service(value, own)
        if _has_same_meaning(ours[key].value, value.value):
            return ours[key]
        return replace(ours[key], value=value.value)

    return {key: locate(key, value) for key, value in values.items()}


def _locate_at_service(value: LocatedValue, own: Service) -> LocatedValue:
    return LocatedValue(value.value, own.line, value.value, own.file)


def _keep_own_paths(answered: Service, own: Service) -> dict[str, dict[str, str]]:
    """Return Compose's mounts; a path that differs only because Compose made it absolute stays as
    we read it."""

    def keep(key: str, target: str, source: str) -> str:
        path = own.mounts.get(key, {}).get(target, "")
        return path if path and os.path.normpath(Path(path).absolute()) == source else source

    return {
        key: {target: keep(key, target, source) for target, source in mounts.items()}
        for key, mounts in answered.mounts.items()
    }


def _keep_device_lines(answered: Service, own: Service) -> dict[str, DeviceRequests]:
    def locate(key: str, devices: DeviceRequests) -> DeviceRequests:
        line = own.devices.get(key, own)
        return replace(devices, line=line.line, file=line.file)

    return {key: locate(key, devices) for key, devices in answered.devices.items()}


def _has_same_meaning(one: str, other: str) -> bool:
    """Return whether two values are equivalent: Compose writes 2g as 2147483648 and 1.50 as 1.5."""
    if one == other:
        return True
    for parse in (float, parse_docker_size):
        try:
            return parse(one) == parse(other)
        except ValueError:
            continue
    return False
