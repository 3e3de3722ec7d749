"""List the networks, volumes and containers of the engine, and inspect its images.

Nothing is created or pulled. If the client cannot be started or the engine does not answer, the
functions raise ProbeError.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError
from infra.host.facts import ImageDetails
from qca.core.json_object import is_object

_SECONDS = 5
# The words of Docker and of Podman, in upper or lower case, for an image that the engine lacks.
_NO_IMAGE = re.compile(r"no such image|image not known", re.IGNORECASE)
# The keys of an image's health check: Docker's is in its `Config`, Podman's is beside it.
_HEALTH_CHECKS = ("Healthcheck", "HealthCheck")


def list_networks(docker_client: str, environment: Mapping[str, str]) -> frozenset[str]:
    """Return the names of all networks."""
    command = [docker_client, "network", "ls", "--format", "{{.Name}}"]
    return frozenset(_list_lines(command, environment))


def list_volumes(docker_client: str, environment: Mapping[str, str]) -> frozenset[str]:
    """Return the names of all volumes."""
    command = [docker_client, "volume", "ls", "--format", "{{.Name}}"]
    return frozenset(_list_lines(command, environment))


def list_containers(docker_client: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the names of all containers, each with its Compose project or an empty string."""
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
    """Return the names of all networks, each with its subnets."""
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


def inspect_image(
    docker_client: str, name: str, environment: Mapping[str, str]
) -> ImageDetails | None:
    """Return the details of an image; None if the engine does not have it."""
    with Deadline(_SECONDS) as deadline:
        output = deadline.run(
            [docker_client, "image", "inspect", "--", name], env=dict(environment)
        )
    if output.exit_code and _NO_IMAGE.search(output.error_line):
        return None
    if output.exit_code:
        raise ProbeError(f"`docker image inspect` failed: {output.error_line}")
    try:
        return _read_details(json.loads(output.stdout)[0])
    except (ValueError, TypeError, LookupError, AttributeError):
        raise ProbeError(f"`docker image inspect` printed {output.stdout[:40]!r}") from None


def _read_details(image: dict[str, Any]) -> ImageDetails:
    config = image["Config"]
    variables: list[str] = config.get("Env") or []
    checks = (place.get(key) for place in (config, image) for key in _HEALTH_CHECKS)
    return ImageDetails(
        variables=dict(line.split("=", 1) for line in variables),
        has_health_check=any(
            is_object(check) and check.get("Test") not in (None, [], ["NONE"]) for check in checks
        ),
    )
