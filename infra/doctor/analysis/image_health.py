"""Determine whether the images of services that others wait for have a health check."""

from collections.abc import Mapping
from dataclasses import replace

from infra.compose_file.model import ComposeFile, Service
from infra.host.errors import ProbeError
from infra.host.image_names import split_name
from infra.host.probes.engine_resources import has_health_check

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


def look_up_health_checks(
    file: ComposeFile, docker_client: str, environment: Mapping[str, str]
) -> ComposeFile:
    """Return the file with the engine's facts about images whose health check matters."""
    waited_for = {
        wait.name
        for service in file.services
        for wait in service.waits
        if wait.condition == HEALTHY
    }

    def look_up(service: Service) -> Service:
        if service.name not in waited_for or service.image is None or _is_decided(service):
            return service
        try:
            found = has_health_check(docker_client, service.image.value, environment)
        except ProbeError as error:
            return replace(service, image_unknown_because=str(error))
        return replace(service, image_has_health_check=found)

    return replace(file, services=tuple(look_up(service) for service in file.services))


def _is_decided(service: Service) -> bool:
    """Return whether the file sets or disables the health check, or builds the image."""
    given = service.health_check
    return given.is_disabled or bool(given.test) or service.is_built


def is_without_health_check(image: str) -> bool | None:
    """Return True if an image of this name has no health check; None if that is unknown."""
    path = split_name(image)[0].removeprefix("docker.io/").removeprefix("library/")
    return True if path in _WITHOUT else None
