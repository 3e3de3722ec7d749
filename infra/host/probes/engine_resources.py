"""List the networks, volumes and images of the engine; nothing is created or pulled."""

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError
from qca.core.json_object import is_object

_SECONDS = 5
# The words of Docker and of Podman, in any case, for an image that the engine does not have.
_NO_IMAGE = re.compile(r"no such image|image not known", re.IGNORECASE)


def list_engine_resources(
    docker_client: str, kind: str, environment: Mapping[str, str]
) -> frozenset[str]:
    """Return the names of the engine's networks or volumes, by `kind`: `network` or `volume`.

    Raises:
        ProbeError: the client cannot be started, or the engine does not answer.

    """
    command = [docker_client, kind, "ls", "--format", "{{.Name}}"]
    return frozenset(_list_lines(command, environment))


ListContainers = Callable[[], dict[str, str] | ProbeError]
"""Lists the names of all containers, each with its Compose project or an empty string; returns the
error if the client cannot be started or the engine does not answer."""


def prepare_container_list(docker_client: str, environment: Mapping[str, str]) -> ListContainers:
    """Return a function that asks the engine when it is first called, and only then."""

    @cache
    def list_containers() -> dict[str, str] | ProbeError:
        try:
            return _list_container_projects(docker_client, environment)
        except ProbeError as error:
            return error

    return list_containers


def _list_container_projects(docker_client: str, environment: Mapping[str, str]) -> dict[str, str]:
    template = '{{.Names}}\t{{.Label "com.docker.compose.project"}}'
    lines = _list_lines([docker_client, "ps", "--all", "--format", template], environment)
    found: dict[str, str] = {}
    for line in lines:
        names, _, project = line.partition("\t")
        found |= dict.fromkeys(names.split(","), project.strip())
    return found


def list_network_subnets(
    docker_client: str, environment: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Return the names of all networks, each with its subnets.

    Raises:
        ProbeError: the client cannot be started, or the engine does not answer.

    """
    names = _list_lines([docker_client, "network", "ls", "--quiet"], environment)
    template = "{{.Name}}{{range .IPAM.Config}}\t{{.Subnet}}{{end}}"
    command = [docker_client, "network", "inspect", "--format", template, "--", *names]
    rows = [line.split("\t") for line in (_list_lines(command, environment) if names else ())]
    return {name: tuple(subnets) for name, *subnets in rows}


def _list_lines(command: list[str], environment: Mapping[str, str]) -> list[str]:
    with Deadline(_SECONDS) as deadline:
        output = deadline.run(command, env=dict(environment))
    if output.exit_code:
        raise ProbeError(output.error_line)
    return output.stdout.splitlines()


def read_image_variables(
    docker_client: str, image: str, environment: Mapping[str, str]
) -> dict[str, str] | None:
    """Return the variables that an image sets; None if the engine does not have the image.

    Raises:
        ProbeError: the client cannot be started, the engine does not answer, or its answer is
            invalid.

    """
    found = _inspect_image(docker_client, image, "Env", environment)
    if found is None:
        return None
    try:
        lines: list[str] = found[0] or []
        return dict(line.split("=", 1) for line in lines)
    except (ValueError, TypeError, AttributeError):
        raise ProbeError(f"`docker image inspect` printed {str(found[0])[:40]!r}") from None


def has_health_check(docker_client: str, image: str, environment: Mapping[str, str]) -> bool | None:
    """Return whether an image has a health check; None if the engine does not have the image.

    Raises:
        ProbeError: the client cannot be started, the engine does not answer, or its answer is
            invalid.

    """
    found = _inspect_image(docker_client, image, "Healthcheck", environment)
    if found is None:
        return None
    return is_object(found[0]) and found[0].get("Test") not in (None, [], ["NONE"])


def _inspect_image(
    docker_client: str, image: str, field: str, environment: Mapping[str, str]
) -> tuple[Any] | None:
    """Return a field of an image's configuration in a tuple, since it may be null; None if the
    engine does not have the image."""
    template = f"{{{{json .Config.{field}}}}}"
    command = [docker_client, "image", "inspect", "--format", template, "--", image]
    with Deadline(_SECONDS) as deadline:
        output = deadline.run(command, env=dict(environment))
    if output.exit_code and _NO_IMAGE.search(output.error_line):
        return None
    if output.exit_code:
        raise ProbeError(f"`docker image inspect` failed: {output.error_line}")
    try:
        return (json.loads(output.stdout),)
    except ValueError:
        raise ProbeError(f"`docker image inspect` printed {output.stdout[:40]!r}") from None
