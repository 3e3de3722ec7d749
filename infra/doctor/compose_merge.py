"""Lay one service, or one compose file, over another, as Compose does.

What is single is replaced, mappings are merged key by key, lists are joined.
https://docs.docker.com/reference/compose-file/merge/
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from infra.doctor.composefile import ComposeFile, Service


def overlay(base: Service, over: Service) -> Service:
    """Return `base` with what `over` sets; the name and the place are those of `over`."""
    return replace(
        over,
        image=over.image or base.image,
        entrypoint=over.entrypoint or base.entrypoint,
        arguments=over.arguments or base.arguments,
        environment={**base.environment, **over.environment},
        memory_limit=over.memory_limit or base.memory_limit,
        cpus=over.cpus or base.cpus,
        cpuset=over.cpuset or base.cpuset,
        memlock=over.memlock or base.memlock,
        gpu=over.gpu or base.gpu,
        ports=tuple({port.value: port for port in base.ports + over.ports}.values()),
        profiles=tuple(dict.fromkeys(base.profiles + over.profiles)),
        mounts={**base.mounts, **over.mounts},
        flagfile=over.flagfile if over.arguments else base.flagfile,
        elsewhere=tuple(dict.fromkeys(base.elsewhere + over.elsewhere)),
    )


def merge(files: Sequence[ComposeFile]) -> ComposeFile:
    """Return what Compose makes of `-f ONE -f OTHER ...`."""
    return reduce(_merge_two, files)


def _merge_two(base: ComposeFile, over: ComposeFile) -> ComposeFile:
    services = {service.name: service for service in base.services}
    for service in over.services:
        below = services.get(service.name)
        services[service.name] = service if below is None else _in_place(below, service)
    return replace(
        base,
        services=tuple(services.values()),
        keys={**over.keys, **base.keys},
        unread=base.unread + over.unread,
        unset=base.unset + over.unset,
        override=None,
        hidden=base.hidden | over.hidden,
        sources={**base.sources, **over.sources},
    )


def _in_place(base: Service, over: Service) -> Service:
    """Lay a later file's service over the first's, which stays the place to look at."""
    return replace(overlay(base, over), line=base.line, file=base.file)
