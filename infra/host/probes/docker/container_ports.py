"""List the TCP ports that the engine's running containers publish."""

from collections.abc import Iterator
from typing import Any

from infra.host.deadline import Deadline
from infra.host.facts import ContainerPort
from infra.host.probes.answer_fields import (
    ARRAY,
    OBJECT,
    get_optional,
    parse_integer,
    parse_text,
    parse_texts,
    require_object,
)
from infra.host.probes.docker.engine_lists import fetch_list

_PATH = "/containers/json"
_PROJECT = "com.docker.compose.project"


def list_container_ports(deadline: Deadline) -> tuple[ContainerPort, ...]:
    """Return the published TCP ports, each with its container.

    Raises:
        ProbeError: the engine does not list its containers.

    """
    return fetch_list(_PATH, "containers", _parse_containers, deadline)


def _parse_containers(answer: list[Any]) -> tuple[ContainerPort, ...]:
    return tuple(port for container in answer for port in _parse_container(container))


def _parse_container(entry: Any) -> Iterator[ContainerPort]:
    container = require_object(entry)
    names = parse_texts(get_optional(container, "Names", ARRAY))
    project = (get_optional(container, "Labels", OBJECT) or {}).get(_PROJECT, "")
    for port in map(require_object, get_optional(container, "Ports", ARRAY) or ()):
        if port.get("PublicPort") and port.get("Type") == "tcp":
            yield ContainerPort(
                address=get_optional(port, "IP", str) or "",
                port=parse_integer(port["PublicPort"], "PublicPort"),
                container=names[0].removeprefix("/") if names else "",
                project=parse_text(project),
            )
