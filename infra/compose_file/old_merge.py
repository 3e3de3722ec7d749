"""Lay one service, or one compose file, over another, as Compose does.

What is single is replaced, mappings are merged key by key, lists are joined; before that goes
what `!reset` and `!override` clear, and what no list is joined with (`command`, `entrypoint`).
https://docs.docker.com/reference/compose-file/merge/
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

from infra.compose_file.model import ComposeFile, Service


def overlay(base: Service, over: Service) -> Service:
    """Return `base` with what `over` sets; the name and the place are those of `over`."""
    base = _reset_keys(base, over.reset_keys)
    both = base.environment_is and over.environment_is
    return replace(
        over,
        settings={**base.settings, **over.settings},
        entrypoint=over.entrypoint or base.entrypoint,
        arguments=over.arguments or base.arguments,
        variables={**base.variables, **over.variables},
        environment_is="list" if both else base.environment_is or over.environment_is,
        env_file_values={**base.env_file_values, **over.env_file_values},
        ports=tuple({port.value: port for port in base.ports + over.ports}.values()),
        profiles=tuple(dict.fromkeys(base.profiles + over.profiles)),
        mounts=_merge_by_key(base.mounts, over.mounts),
        devices={**base.devices, **over.devices},
        unread_sources=tuple(dict.fromkeys(base.unread_sources + over.unread_sources)),
    )


def _merge_by_key(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    return {key: {**base.get(key, {}), **over.get(key, {})} for key in {**base, **over}}


def _reset_keys(service: Service, cleared: Sequence[str]) -> Service:
    """Return the service without the keys that are cleared, and all that lies under them."""

    def is_kept(key: str) -> bool:
        return not _is_reset(key, cleared)

    environment_is = service.environment_is if is_kept("environment") else ""
    return replace(
        service,
        settings={key: text for key, text in service.settings.items() if is_kept(key)},
        entrypoint=service.entrypoint if is_kept("entrypoint") else (),
        arguments=service.arguments if is_kept("command") else (),
        variables={
            name: text
            for name, text in service.variables.items()
            if is_kept("environment")
            and (environment_is == "list" or is_kept(f"environment.{name}"))
        },
        environment_is=environment_is,
        env_file_values=service.env_file_values if is_kept("env_file") else {},
        ports=service.ports if is_kept("ports") else (),
        profiles=service.profiles if is_kept("profiles") else (),
        mounts={key: places for key, places in service.mounts.items() if is_kept(key)},
        devices={key: devices for key, devices in service.devices.items() if is_kept(key)},
        unread_sources=tuple(
            key for key in service.unread_sources if key != "env_file" or is_kept(key)
        ),
    )


def _is_reset(key: str, cleared: Sequence[str]) -> bool:
    return any(key == one or key.startswith(f"{one}.") for one in cleared if one)


def merge(files: Sequence[ComposeFile]) -> ComposeFile:
    """Return what Compose makes of `-f ONE -f OTHER ...`."""
    return reduce(_merge_two, files)


def _merge_two(base: ComposeFile, over: ComposeFile) -> ComposeFile:
    services = {
        service.name: service
        for service in base.services
        if not _is_reset(f"services.{service.name}", over.reset_keys)
    }
    for service in over.services:
        below = services.get(service.name)
        services[service.name] = service if below is None else _overlay_in_place(below, service)
    return replace(
        base,
        services=tuple(services.values()),
        keys={**over.keys, **base.keys},
        unread=tuple(one for one in base.unread if not _is_reset(one.key, over.reset_keys))
        + over.unread,
        unset=base.unset + over.unset,
        override=None,
        refused=base.refused or over.refused,
        hidden=base.hidden | over.hidden,
        files={
            **{
                key: path for key, path in base.files.items() if not _is_reset(key, over.reset_keys)
            },
            **over.files,
        },
        sources={**base.sources, **over.sources},
    )


def _overlay_in_place(base: Service, over: Service) -> Service:
    """Lay a later file's service over the first's, which stays the place to look at."""
    cleared = tuple(dict.fromkeys(base.reset_keys + over.reset_keys))
    return replace(overlay(base, over), line=base.line, file=base.file, reset_keys=cleared)
