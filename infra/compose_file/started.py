"""Separate the services that a plain `docker compose up` starts from the others."""

from collections.abc import Iterator
from dataclasses import replace

from infra.compose_file.model import ComposeFile


def keep_started(file: ComposeFile) -> ComposeFile:
    """Return the project with only the services that a plain `up` starts."""
    started = tuple(service for service in file.services if not service.not_started_because)
    return file if len(started) == len(file.services) else replace(file, services=started)


def split_dormant(file: ComposeFile) -> Iterator[tuple[str, ComposeFile]]:
    """Yield each reason for not starting services, and the project reduced to those services.

    What concerns the whole project or its active services is left out.
    """
    bare = ComposeFile(
        path=file.path,
        services=(),
        keys={},
        sources=file.sources,
        files=file.files,
        missing=file.missing,
    )
    reasons = dict.fromkeys(service.not_started_because for service in file.services)
    for reason in reasons:
        if reason:
            services = [
                service for service in file.services if service.not_started_because == reason
            ]
            yield reason, replace(bare, services=tuple(services))
