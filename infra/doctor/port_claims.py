"""Which ports of the host a Compose project asks for, and which of its services ask for the same.

A range is one claim, however long it is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infra.compose_file.model import ComposeFile, PublishedPorts, Service

_ANY_ADDRESS = frozenset({"0.0.0.0", "::", "*", ""})


@dataclass(frozen=True)
class Claim:
    """Ports of this host that are asked for, and by what."""

    ports: PublishedPorts
    what: str
    service: Service | None = None

    @property
    def containers(self) -> int:
        """How many containers ask for them."""
        settings = self.service.settings if self.service else {}
        scale = settings.get("scale") or settings.get("deploy.replicas")
        return int(scale.value) if scale and scale.value.isdecimal() else 1


def list_claims(file: ComposeFile) -> Iterator[Claim]:
    """Yield what services publish; a range from which any port will do asks for none of them."""
    for service in file.services:
        for ports in service.ports:
            if not ports.is_choice:
                yield Claim(ports, f"service {service.name}", service)


def find_rivals(claims: Sequence[Claim]) -> dict[int, Claim]:
    """Return the claims that meet one written before them, by their index, with that one."""
    found: dict[int, int] = {}
    reaching: list[int] = []
    for index in sorted(range(len(claims)), key=lambda one: claims[one].ports.first):
        first = claims[index].ports.first
        reaching = [one for one in reaching if claims[one].ports.last >= first]
        for other in reaching:
            if _meet(claims[index].ports, claims[other].ports):
                earlier, later = sorted((index, other))
                found[later] = min(earlier, found.get(later, earlier))
        reaching.append(index)
    return {index: claims[other] for index, other in found.items()}


def _meet(one: PublishedPorts, other: PublishedPorts) -> bool:
    return one.protocol == other.protocol and have_common_address(one.address, other.address)


def have_common_address(one: str, other: str) -> bool:
    """Return whether two addresses to listen on get in each other's way."""
    return one == other or bool({one, other} & _ANY_ADDRESS)
