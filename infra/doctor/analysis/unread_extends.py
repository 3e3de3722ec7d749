"""Find the services that extend a service that was not read."""

from collections.abc import Iterator

from infra.compose_file.model import ComposeFile, Service
from infra.doctor.finding import Verdict, locate, skip


def is_part_hidden(service: Service) -> bool:
    """Return whether keys of the service may be in a file that was not read."""
    return "extends" in service.unread_sources


def skip_hidden_services(file: ComposeFile, does_what: str) -> Iterator[Verdict]:
    """Yield a skipped verdict for each service that extends one that was not read."""
    for service in filter(is_part_hidden, file.services):
        message = f"Cannot determine whether service {service.name} {does_what}: "
        yield locate(skip(f"{message}the service that it extends was not read."), file, service)
