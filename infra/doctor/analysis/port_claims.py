"""Find the host ports that a Compose project uses, and conflicts between its services.

A range of any length is one claim.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from infra.compose_file.limits import read_count
from infra.compose_file.model import ComposeFile, LocatedValue, PublishedPorts, Service
from qca.core.frozen import frozen_dataclass

# The default ports of these images (from their pages on Docker Hub).
_IMAGE_PORTS = {
    "dragonfly": 6379,
    "grafana": 3000,
    "httpd": 80,
    "mariadb": 3306,
    "memcached": 11211,
    "mongo": 27017,
    "mysql": 3306,
    "nginx": 80,
    "postgres": 5432,
    "prometheus": 9090,
    "rabbitmq": 5672,
    "redis": 6379,
    "valkey": 6379,
}
_ANY_ADDRESS = frozenset({"0.0.0.0", "::", "*", ""})


@frozen_dataclass
class Claim:
    """Ports of this host, and what uses them."""

    ports: PublishedPorts
    what: str
    service: Service | None = None

    @property
    def containers(self) -> int:
        """The number of containers that publish the ports."""
        settings = self.service.settings if self.service else dict[str, LocatedValue]()
        scale = settings.get("scale") or settings.get("deploy.replicas")
        count = read_count(scale.value) if scale else None
        return 1 if count is None else count


def list_claims(file: ComposeFile) -> Iterator[Claim]:
    """Yield the ports that services publish, or listen on if they use the host's network.

    A range from which Compose chooses a port is omitted.

    """
    for service in file.services:
        mode = service.settings.get("network_mode")
        if mode is not None and mode.value == "host":
            yield from _list_host_claims(service, mode)
            continue
        for ports in service.ports:
            if not ports.is_choice:
                yield Claim(ports, f"service {service.name}", service)


def _list_host_claims(service: Service, mode: LocatedValue) -> Iterator[Claim]:
    """Yield the port that the command sets, or the default port of a known image.

    On the host's network, `ports` has no effect.
    """
    port = _find_port_option(service) or _find_image_port(service)
    if port is not None:
        ports = PublishedPorts("", port, port, line=mode.line, file=mode.file)
        yield Claim(ports, f"service {service.name} (network_mode: host)", service)


def _find_port_option(service: Service) -> int | None:
    words = (word.value for word in service.command)
    for word, following in pairwise([*words, ""]):
        name, equals, value = word.partition("=")
        if name in ("--port", "-port"):
            text = value if equals else following
            return read_count(text)
    return None


def _find_image_port(service: Service) -> int | None:
    name = service.image.value.rpartition("/")[2].partition(":")[0] if service.image else ""
    return _IMAGE_PORTS.get(name.partition("@")[0])


def find_rivals(claims: Sequence[Claim]) -> dict[int, Claim]:
    """For each claim that conflicts with earlier ones, map its index to the first of those."""
    found: dict[int, int] = {}
    reaching: list[int] = []
    for index in sorted(range(len(claims)), key=lambda index: claims[index].ports.first):
        first = claims[index].ports.first
        reaching = [other for other in reaching if claims[other].ports.last >= first]
        for other in reaching:
            if _meet(claims[index].ports, claims[other].ports):
                earlier, later = sorted((index, other))
                found[later] = min(earlier, found.get(later, earlier))
        reaching.append(index)
    return {index: claims[other] for index, other in found.items()}


def _meet(one: PublishedPorts, other: PublishedPorts) -> bool:
    return one.protocol == other.protocol and have_common_address(one.address, other.address)


def have_common_address(one: str, other: str) -> bool:
    """Return whether listeners on these two addresses conflict."""
    return one == other or bool({one, other} & _ANY_ADDRESS)
