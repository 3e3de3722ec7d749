"""List the container names and subnets that a project claims on the engine."""

from collections.abc import Collection, Iterator

from infra.compose_file.externals import list_networks
from infra.compose_file.needs import EngineClaim
from infra.compose_file.yaml.tree import Table, descend, to_items, to_table, to_text


def find_claims(top: Table, active: Collection[str], project: str) -> Iterator[EngineClaim]:
    """Yield the claims of the active services, each with its owner on the engine."""
    services = [to_table(to_table(top.get("services")).get(name)) for name in active]
    for service in services:
        if name := to_text(service.get("container_name")):
            origin = service.origins["container_name"]
            yield EngineClaim("container name", name, project, origin.line, origin.source.path)
    used = dict.fromkeys(name for service in services for name in list_networks(service))
    for name in used:
        yield from _find_subnets(name, to_table(top.get("networks")), project)


def _find_subnets(name: str, networks: Table, project: str) -> Iterator[EngineClaim]:
    network = to_table(networks.get(name))
    if network.get("external") is True:
        return
    own_name = to_text(network.get("name")) or f"{project}_{name}"
    for entry, origin in to_items(descend(network, "ipam").get("config")).entries():
        if subnet := to_text(to_table(entry).get("subnet")):
            yield EngineClaim("subnet", subnet, own_name, origin.line, origin.source.path)
