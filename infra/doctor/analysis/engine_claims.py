"""Look up whether others on the engine already have a project's container names and subnets."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from ipaddress import ip_network
from typing import TypeVar

from infra.compose_file.model import ComposeFile, EngineClaim
from infra.host.errors import ProbeError
from infra.host.probes.engine_resources import ListContainers, list_network_subnets

Subnets = dict[str, tuple[str, ...]]
T = TypeVar("T")


def look_up_claims(
    file: ComposeFile,
    docker_client: str,
    environment: Mapping[str, str],
    list_containers: ListContainers,
) -> ComposeFile:
    """Return the file with the other owner of each claim, or the reason why it is unknown."""
    names = [claim for claim in file.claims if claim.kind == "container name"]
    subnets = [claim for claim in file.claims if claim.kind == "subnet"]
    list_subnets = partial(_list_subnets, docker_client, environment)
    claims = [
        *_look_up(names, list_containers, _find_container),
        *_look_up(subnets, list_subnets, _find_network),
    ]
    return replace(file, claims=tuple(claims))


def _list_subnets(docker_client: str, environment: Mapping[str, str]) -> Subnets | ProbeError:
    try:
        return list_network_subnets(docker_client, environment)
    except ProbeError as error:
        return error


def _look_up(
    claims: list[EngineClaim],
    ask: Callable[[], T | ProbeError],
    find: Callable[[EngineClaim, T], str],
) -> list[EngineClaim]:
    if not claims:
        return []
    owners = ask()
    if isinstance(owners, ProbeError):
        return [replace(claim, unknown_because=str(owners)) for claim in claims]
    return [replace(claim, taken_by=find(claim, owners), unknown_because="") for claim in claims]


def _find_container(claim: EngineClaim, projects: dict[str, str]) -> str:
    project = projects.get(claim.value)
    if project is None or project == claim.owner:
        return ""
    return f"of project {project}" if project else "that Compose did not create"


def _find_network(claim: EngineClaim, networks: Subnets) -> str:
    if claim.owner in networks:  # Compose uses the network that it created before
        return ""
    names = (
        name
        for name, subnets in networks.items()
        if any(_do_overlap(claim.value, subnet) for subnet in subnets)
    )
    return next(names, "")


def _do_overlap(one: str, other: str) -> bool:
    try:
        first, second = ip_network(one, strict=False), ip_network(other, strict=False)
    except ValueError:
        return False
    return first.version == second.version and first.overlaps(second)
