"""Check network settings that Compose accepts but that keep the engine from starting a service.

Each rule was tested with Engine 20.10 and Compose 2.40. The rules are in moby
(runconfig/hostconfig_unix.go and libnetwork).
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network

from infra.compose_file.model import Refusal
from infra.compose_file.rules.engine_refusal import is_set, refuse
from infra.compose_file.yaml.tree import Origin, Table, descend, to_items, to_table, to_text
from qca.core.frozen import frozen_dataclass

_SHARED = ("service:", "container:")
# Settings that belong to the container whose network is shared, with the engine's name for each.
_OWNED_BY_OTHER = {
    "hostname": "hostname and the network mode",
    "mac_address": "mac-address and the network mode",
    "dns": "dns and the network mode",
    "extra_hosts": "custom host-to-IP mapping and the network mode",
    "ports": "port publishing and the container type network mode",
    "expose": "port exposing and the container type network mode",
}
_UNDEFINED = "This would result in undefined behavior"


def check_network(service: Table, top: Table) -> Iterator[Refusal]:
    """Yield the reasons why the engine does not connect the containers of a service."""
    yield from _check_mode(service)
    defined = to_table(top.get("networks"))
    for name, value, origin in to_table(service.get("networks")).entries():
        yield from _check_subnets(name, to_table(defined.get(name)))
        table = to_table(value)
        address = to_text(table.get("ipv4_address"))
        # Only the default network needs no definition; an unread `include` may define any other.
        if address and (name in defined or name == "default"):
            network = _Network(to_table(defined.get(name)), name)
            yield from _check_address(network, address, table.origins["ipv4_address"])
            yield from _check_owner(top, service, name, address, origin)


def _check_subnets(name: str, network: Table) -> Iterator[Refusal]:
    for entry in to_items(descend(network, "ipam").get("config")):
        table = to_table(entry)
        subnet = to_text(table.get("subnet"))
        if subnet and not _is_subnet(subnet):
            what = f"the subnet {subnet} is not valid"
            docker = f"Invalid subnet {subnet} : invalid CIDR address: {subnet}"
            yield replace(refuse(what, docker, table.origins["subnet"]), network=name)


def _is_subnet(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text


def _check_mode(service: Table) -> Iterator[Refusal]:
    mode = to_text(service.get("network_mode"))
    if mode.startswith(_SHARED):
        for key, docker in _OWNED_BY_OTHER.items():
            if is_set(service.get(key)):
                what = f"`{key}` belongs to the container whose network the service shares ({mode})"
                yield refuse(what, f"conflicting options: {docker}", service.origins[key])
    if is_set(service.get("links")) and (mode == "host" or mode.startswith(_SHARED)):
        docker = "host type networking" if mode == "host" else "container type network"
        docker = f"conflicting options: {docker} can't be used with links. {_UNDEFINED}"
        yield refuse(
            f"`links` is of no use with network_mode {mode}", docker, service.origins["links"]
        )
    if service.get("uts") == "host" and is_set(service.get("hostname")):
        docker = "conflicting options: hostname and the UTS mode"
        yield refuse("`hostname` contradicts `uts: host`", docker, service.origins["hostname"])


@frozen_dataclass
class _Network:
    """A network in the file."""

    table: Table
    name: str

    @property
    def is_hidden(self) -> bool:
        """Whether the file does not determine its addresses."""
        is_own = descend(self.table, "ipam").get("driver") in (None, "default")
        return bool(self.table.get("external")) or not is_own

    @cached_property
    def pools(self) -> list[tuple[IPv4Network, IPv4Address | None]]:
        """Its IPv4 subnets, each with its gateway."""
        entries = to_items(descend(self.table, "ipam").get("config"))
        return [pool for entry in entries if (pool := _read_pool(to_table(entry)))]


def _read_pool(entry: Table) -> tuple[IPv4Network, IPv4Address | None] | None:
    """Return an IPv4 subnet and its gateway, by default the first address; None if invalid."""
    try:
        subnet = ip_network(to_text(entry.get("subnet")), strict=False)
        gateway = ip_address(to_text(entry.get("gateway")) or subnet[1])
    except (ValueError, IndexError):
        return None
    if isinstance(subnet, IPv4Network) and isinstance(gateway, IPv4Address):
        return subnet, gateway
    return None


def _check_address(network: _Network, text: str, origin: Origin) -> Iterator[Refusal]:
    if network.is_hidden:
        return
    try:
        address = IPv4Address(text)
    except ValueError:
        yield refuse(f"{text!r} is not an IPv4 address", f"invalid IPv4 address: {text}", origin)
        return
    if not network.pools:
        docker = (
            "user specified IP address is supported only when connecting to networks with user "
            "configured subnets"
        )
        yield refuse(f"the network {network.name} has no subnet for {address}", docker, origin)
    elif all(address not in subnet for subnet, _ in network.pools):
        docker = f"Invalid address {address}: It does not belong to any of this network's subnets"
        yield refuse(f"the network {network.name} does not contain {address}", docker, origin)
    elif any(address == gateway for _, gateway in network.pools):
        what = f"{address} is the gateway of the network {network.name}"
        yield refuse(what, "Address already in use", origin)


def _check_owner(
    top: Table, service: Table, network: str, address: str, origin: Origin
) -> Iterator[Refusal]:
    """Refuse an earlier service's address, unless profiles might keep the two from both running."""
    for name, value in to_table(top.get("services")).items():
        other = to_table(value)
        if other is service:
            return
        has_profiles = is_set(other.get("profiles")) or is_set(service.get("profiles"))
        theirs = descend(other, "networks", network).get("ipv4_address")
        if not has_profiles and theirs == address:
            what = f"service {name} has the address {address} too"
            yield refuse(what, "Address already in use", origin)
