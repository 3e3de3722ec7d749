"""List what only newer releases of Docker Engine do; older ones fail or ignore it.

Observed with Engine 20.10 and with Compose 2.26 and 2.40, which do not check the engine's release.
"""

from collections.abc import Collection, Iterator
from ipaddress import IPv6Network, ip_network

from infra.compose_file.externals import list_networks
from infra.compose_file.needs import ReleaseNeed
from infra.compose_file.yaml.tree import Origin, Table, descend, to_items, to_table, to_text

# https://docs.docker.com/engine/release-notes/26.0/
_SUBPATHS_KNOWN = (26, 0)
_SUBPATH_IGNORED = "mounts the whole volume, without a message."
# https://docs.docker.com/engine/release-notes/27/
_IPV6_ASSIGNED = (27, 0)
_NO_IPV6_POOL = (
    "assigns no IPv6 subnet, unless its `default-address-pools` have one.\nCompose reports: could "
    "not find an available, non-overlapping IPv6 address pool among the defaults to assign to the "
    "network\nAdd a subnet such as fd00:cafe::/64 to `ipam.config`."
)


def find_release_needs(top: Table, active: Collection[str]) -> Iterator[ReleaseNeed]:
    """Yield what the active services and their networks need from the engine, each once."""
    services = to_table(top.get("services"))
    used = {name: to_table(services.get(name)) for name in active}
    for name, service in used.items():
        for entry in to_items(service.get("volumes")):
            volume = descend(entry, "volume")
            if to_text(volume.get("subpath")):
                what, origin = f"Service {name}: `subpath`", volume.origins["subpath"]
                yield _make_need(what, _SUBPATHS_KNOWN, _SUBPATH_IGNORED, origin)
    networks = {name for service in used.values() for name in list_networks(service)}
    yield from _find_ipv6(to_table(top.get("networks")), networks)


def _find_ipv6(defined: Table, used: Collection[str]) -> Iterator[ReleaseNeed]:
    for name, value, _ in defined.entries():
        network = to_table(value)
        ipam = descend(network, "ipam")
        is_engines = network.get("driver", "bridge") == "bridge" and "driver" not in ipam
        is_created = name in used and network.get("external") is not True
        if is_created and is_engines and network.get("enable_ipv6") is True:
            subnets = [to_text(to_table(one).get("subnet")) for one in to_items(ipam.get("config"))]
            if not any(map(_is_ipv6, subnets)):
                what = f"Network {name}: `enable_ipv6` without an IPv6 subnet"
                origin = network.origins["enable_ipv6"]
                yield _make_need(what, _IPV6_ASSIGNED, _NO_IPV6_POOL, origin)


def _is_ipv6(subnet: str) -> bool:
    try:
        return isinstance(ip_network(subnet, strict=False), IPv6Network)
    except ValueError:
        return False


def _make_need(what: str, release: tuple[int, int], otherwise: str, origin: Origin) -> ReleaseNeed:
    return ReleaseNeed(what, release, otherwise, origin.line, origin.source.path)
