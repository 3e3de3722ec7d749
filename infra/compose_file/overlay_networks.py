"""List the networks of a project that only the manager of a swarm can create."""

from collections.abc import Collection, Iterator

from infra.compose_file.externals import list_networks
from infra.compose_file.model import LocatedValue
from infra.compose_file.yaml.tree import Table, to_table


def find_overlays(top: Table, active: Collection[str]) -> Iterator[LocatedValue]:
    """Yield the overlay networks that Compose creates for the active services, by their names."""
    services = to_table(top.get("services"))
    used = {name for service in active for name in list_networks(to_table(services.get(service)))}
    for name, value, _ in to_table(top.get("networks")).entries():
        network = to_table(value)
        is_created = name in used and network.get("external") is not True
        if is_created and network.get("driver") == "overlay":
            origin = network.origins["driver"]
            yield LocatedValue(name, origin.line, name, origin.source.path)
