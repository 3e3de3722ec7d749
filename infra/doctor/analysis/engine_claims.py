"""Look up whether others on the engine already have a project's container names and subnets."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import ip_network

from infra.compose_file.model import ComposeFile, EngineClaim
from infra.host.errors import ProbeError
from infra.host.probes.engine_resources import list_container_projects, list_network_subnets


def look_up_claims(
    file: ComposeFile, docker_client: str, environment: Mapping[str, str]
) -> ComposeFile:
    """Return the file with the other owner of each claim, or the reason why it is unknown."""
    ask: dict[str, Callable[[], Callable[[EngineClaim], str]]] = {
        "container name": lambda: _find_container(
            list_container_projects(docker_client, environment)
        ),
        "subnet": lambda: _find_network(list_network_subnets(docker_client, environment)),
    }
    claims: list[EngineClaim] = []
    for kind in ask:
        asked = [claim for claim in file.claims if claim.kind == kind]
        claims += _look_up(asked, ask[kind]) if asked else ()
    return replace(file, claims=tuple(claims))


def _look_up(
    claims: list[EngineClaim], ask: Callable[[], Callable[[EngineClaim], str]]
) -> list[EngineClaim]:
    try:
        find = ask()
    except ProbeError as error:
        return [replace(claim, unknown_because=str(error)) for claim in claims]
    return [replace(claim, taken_by=find(claim), unknown_because="") for claim in claims]


def _find_container(projects: Mapping[str, str]) -> Callable[[EngineClaim], str]:
    def find(claim: EngineClaim) -> str:
        project = projects.get(claim.value)
        if project is None or project == claim.owner:
            return ""
        return f"of project {project}" if project else "that Compose did not create"

    return find


def _find_network(networks: Mapping[str, tuple[str, ...]]) -> Callable[[EngineClaim], str]:
    def find(claim: EngineClaim) -> str:
        if claim.owner in networks:  # Compose uses the network that it created before
            return ""
        names = (
            name
            for name, subnets in networks.items()
            if any(_do_overlap(claim.value, subnet) for subnet in subnets)
        )
        return next(names, "")

    return find


def _do_overlap(one: str, other: str) -> bool:
    try:
        first, second = ip_network(one, strict=False), ip_network(other, strict=False)
    except ValueError:
        return False
    return first.version == second.version and first.overlaps(second)
