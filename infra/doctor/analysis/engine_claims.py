"""Determine whether others on the engine already have a project's container names and subnets."""

from collections.abc import Mapping
from ipaddress import ip_network

from infra.compose_file.needs import EngineClaim
from infra.host.facts import EngineAnswers, Known, Unknown


def find_other_owner(claim: EngineClaim, answers: EngineAnswers) -> Known[str] | Unknown:
    """Return who else has what the project claims; an empty string if no one else does."""
    if claim.kind == "container name":
        projects = answers.containers
        return projects if isinstance(projects, Unknown) else _find_container(claim, projects.value)
    networks = answers.subnets
    return networks if isinstance(networks, Unknown) else _find_network(claim, networks.value)


def _find_container(claim: EngineClaim, projects: Mapping[str, str]) -> Known[str]:
    project = projects.get(claim.value)
    if project is None or project == claim.owner:
        return Known(value="")
    return Known(value=f"of project {project}" if project else "that Compose did not create")


def _find_network(claim: EngineClaim, networks: Mapping[str, tuple[str, ...]]) -> Known[str]:
    if claim.owner in networks:  # Compose uses the network that it created before
        return Known(value="")
    names = (
        name
        for name, subnets in networks.items()
        if any(_do_overlap(claim.value, subnet) for subnet in subnets)
    )
    return Known(value=next(names, ""))


def _do_overlap(one: str, other: str) -> bool:
    try:
        first, second = ip_network(one, strict=False), ip_network(other, strict=False)
    except ValueError:
        return False
    return first.version == second.version and first.overlaps(second)
