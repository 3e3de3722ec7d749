"""Look up the external networks and volumes of a project in the engine."""

from collections.abc import Mapping
from dataclasses import replace

from infra.compose_file.model import ComposeFile, ExternalResource
from infra.host.errors import ProbeError
from infra.host.probes.engine_resources import list_engine_resources


def look_up_externals(
    file: ComposeFile, docker_client: str, environment: Mapping[str, str]
) -> ComposeFile:
    """Return the file with the state of its external networks and volumes."""
    answers = {
        kind: _list_names(docker_client, kind, environment)
        for kind in dict.fromkeys(resource.kind for resource in file.externals)
    }
    return replace(
        file,
        externals=tuple(_judge(resource, answers[resource.kind]) for resource in file.externals),
    )


def _list_names(
    docker_client: str, kind: str, environment: Mapping[str, str]
) -> frozenset[str] | ProbeError:
    try:
        return list_engine_resources(docker_client, kind, environment)
    except ProbeError as error:
        return error


def _judge(resource: ExternalResource, names: frozenset[str] | ProbeError) -> ExternalResource:
    if isinstance(names, ProbeError):
        return replace(resource, unknown_because=str(names))
    return replace(resource, is_there=resource.name in names, unknown_because="")
