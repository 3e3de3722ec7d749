"""Determine whether the images of services that others wait for have a health check."""

from collections.abc import Iterator

from infra.compose_file.model import ComposeFile, Service
from infra.host.image_names import split_name

HEALTHY = "service_healthy"

# By policy, official images have no health check; Valkey's, which is built like Redis's, has none
# either: https://github.com/docker-library/faq#healthcheck
_WITHOUT = frozenset(
    {
        *("alpine", "busybox", "debian", "httpd", "mariadb", "memcached", "mongo", "mysql"),
        *("nginx", "node", "postgres", "python", "rabbitmq", "redis", "traefik", "ubuntu"),
        "valkey/valkey",
    }
)


def list_awaited_images(file: ComposeFile) -> Iterator[str]:
    """Yield the images whose health check others wait for, because the file does not decide it."""
    awaited = {
        wait.name
        for service in file.services
        for wait in service.waits
        if wait.condition == HEALTHY
    }
    for service in file.services:
        if service.image and service.name in awaited and not _is_decided(service):
            yield service.image.value


def _is_decided(service: Service) -> bool:
    """Return whether the file sets or disables the health check, or builds the image."""
    given = service.health_check
    return given.is_disabled or bool(given.test) or service.is_built


def is_without_health_check(image: str) -> bool | None:
    """Return True if an image of this name has no health check; None if that is unknown."""
    path = split_name(image)[0].removeprefix("docker.io/").removeprefix("library/")
    return True if path in _WITHOUT else None
