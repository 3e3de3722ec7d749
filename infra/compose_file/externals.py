"""List the networks, volumes and containers that a project expects the engine to have."""

from collections.abc import Collection, Iterator
from typing import Literal

from infra.compose_file.needs import ExternalResource
from infra.compose_file.yaml.tree import Table, to_items, to_table, to_text

_NAMESPACES = ("network_mode", "ipc", "pid")
# The modes that do not name a network; `nat` is Windows' counterpart of `bridge`.
_OWN_MODES = ("", "bridge", "default", "host", "nat", "none")


def find_externals(top: Table, active: Collection[str], project: str) -> Iterator[ExternalResource]:
    """Yield the external resources that the active services use, each once."""
    services = to_table(top.get("services"))
    used = [to_table(services.get(name)) for name in active]
    networks = {name for service in used for name in list_networks(service)}
    volumes = {name for service in used for name in _list_volumes(service)}
    yield from _find_external("network", to_table(top.get("networks")), networks)
    yield from _find_external("volume", to_table(top.get("volumes")), volumes)
    yield from {
        network.name: network for network in map(_find_mode_network, used) if network
    }.values()
    own = {name for service in active for name in _list_own_names(services, service, project)}
    yield from {
        container.name: container
        for service in used
        for container in _find_containers(service)
        if container.name not in own
    }.values()


def _find_external(
    kind: Literal["network", "volume"], defined: Table, used: Collection[str]
) -> Iterator[ExternalResource]:
    for name, value, origin in defined.entries():
        table = to_table(value)
        if name in used and table.get("external") is True:
            its_name = to_text(table.get("name")) or name
            yield ExternalResource(kind, its_name, origin.line, origin.source.path)


def _find_mode_network(service: Table) -> ExternalResource | None:
    """Return the network that `network_mode` names; Compose does not create that network."""
    mode = to_text(service.get("network_mode"))
    if mode in _OWN_MODES or mode.startswith(("service:", "container:")):
        return None
    origin = service.origins["network_mode"]
    return ExternalResource("network", mode, origin.line, origin.source.path)


def _find_containers(service: Table) -> Iterator[ExternalResource]:
    """Yield the containers whose namespaces or volumes a service shares (`container:NAME`)."""
    given = [(service.get(key), service.origins[key]) for key in _NAMESPACES if key in service]
    for value, origin in (*given, *to_items(service.get("volumes_from")).entries()):
        prefix, _, name = to_text(value).partition(":")
        if prefix == "container" and name:
            name = name.partition(":")[0]  # `volumes_from` may end with `:ro`
            yield ExternalResource("container", name, origin.line, origin.source.path)


def _list_own_names(services: Table, name: str, project: str) -> tuple[str, ...]:
    """Return the names that Compose may give the first container of a service."""
    given = to_text(to_table(services.get(name)).get("container_name"))
    return (given,) if given else (f"{project}-{name}-1", f"{project}_{name}_1")


def list_networks(service: Table) -> Iterator[str]:
    """Yield the networks of a service; if it names none, the default network."""
    networks = to_table(service.get("networks"))
    yield from networks or ([] if service.get("network_mode") else ["default"])


def _list_volumes(service: Table) -> Iterator[str]:
    for entry in to_items(service.get("volumes")):
        mount = to_table(entry)
        if mount.get("type") == "volume":
            yield to_text(mount.get("source"))
