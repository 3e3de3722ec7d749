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
)
from infra.host.probes.docker.engine_lists import fetch_list
from qca.core.json_object import is_object

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


def _parse_container(container: Any) -> Iterator[ContainerPort]:
    if not is_object(container):
        raise TypeError(f"{container!r:.40} is not an object")
    names = parse_texts(get_optional(container, "Names", ARRAY))
    project = (get_optional(container, "Labels", OBJECT) or {}).get(_PROJECT, "")
    for port in get_optional(container, "Ports", ARRAY) or ():
        if not is_object(port):
            raise TypeError(f"{port!r:.40} is not an object")
        if port.get("PublicPort") and port.get("Type") == "tcp":
            yield ContainerPort(
                address=get_optional(port, "IP", str) or "",
                port=parse_integer(port["PublicPort"], "PublicPort"),
                container=names[0].removeprefix("/") if names else "",
                project=parse_text(project),
            )
