"""Look up the external networks, volumes and containers of a project on the engine."""

import re
from collections.abc import Mapping
from dataclasses import replace

from infra.compose_file.model import ComposeFile, ExternalResource
from infra.host.errors import ProbeError
from infra.host.probes.engine_resources import ListContainers, list_engine_resources

# The engine also finds a container by the first digits of its ID; `docker ps` shows 12 of them.
_ID = re.compile(r"[0-9a-f]{12,64}")


def look_up_externals(
    file: ComposeFile,
    docker_client: str,
    environment: Mapping[str, str],
    list_containers: ListContainers,
) -> ComposeFile:
    """Return the file with the state of each external resource: whether the engine has it."""
    answers = {
        kind: _list_names(docker_client, kind, environment, list_containers)
        for kind in dict.fromkeys(resource.kind for resource in file.externals)
    }
    return replace(
        file,
        externals=tuple(_judge(resource, answers[resource.kind]) for resource in file.externals),
    )


def _list_names(
    docker_client: str, kind: str, environment: Mapping[str, str], list_containers: ListContainers
) -> frozenset[str] | ProbeError:
    if kind == "container":
        found = list_containers()
        return found if isinstance(found, ProbeError) else frozenset(found)
    try:
        return list_engine_resources(docker_client, kind, environment)
    except ProbeError as error:
        return error


def _judge(resource: ExternalResource, names: frozenset[str] | ProbeError) -> ExternalResource:
    if isinstance(names, ProbeError):
        return replace(resource, unknown_because=str(names))
    if resource.kind == "container" and _ID.fullmatch(resource.name):
        return replace(resource, unknown_because="it is the ID of a container")
    return replace(resource, is_there=resource.name in names, unknown_because="")
