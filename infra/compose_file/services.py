"""Convert the services of a project to the model."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from infra.compose_file.command_words import find_dropped_words, read_words
from infra.compose_file.model import (
    UNCERTAIN_TAGS,
    UNREAD_ENV_FILE,
    UNREAD_EXTENDS,
    Service,
)
from infra.compose_file.rules.engine_options import find_engine_refusals
from infra.compose_file.values import (
    find_read_only_mounts,
    read_capabilities,
    read_devices,
    read_environment,
    read_health_check,
    read_host_devices,
    read_host_paths,
    read_mounts,
    read_ports,
    read_settings,
    read_waits,
)
from infra.compose_file.yaml.tree import (
    Origin,
    Table,
    descend,
    to_items,
    to_table,
    to_text,
)

_UNREAD_SOURCES = (UNREAD_ENV_FILE, UNREAD_EXTENDS, UNCERTAIN_TAGS)


def read_services(
    top: Table, active: Collection[str], env_file_values: Mapping[str, Table]
) -> Iterator[Service]:
    """Yield all services, including those that a plain `up` does not start.

    `env_file_values` are the variables from the `env_file` of each service.
    """
    for name, value, origin in to_table(top.get("services")).entries():
        if isinstance(value, Table):
            read = _read_service(name, value, origin, name in active)
            yield replace(
                read,
                env_file_values=read_environment(env_file_values.get(name, Table())),
                engine_refusals=tuple(find_engine_refusals(value, top)),
            )


def _read_service(name: str, service: Table, origin: Origin, is_active: bool) -> Service:
    profiles = tuple(to_text(profile) for profile in to_items(service.get("profiles")))
    return Service(
        name=name,
        line=origin.line,
        file=origin.source.path,
        settings=read_settings(service),
        entrypoint=read_words(service, "entrypoint"),
        arguments=read_words(service, "command"),
        dropped_words=find_dropped_words(service),
        variables=read_environment(to_table(service.get("environment"))),
        ports=tuple(read_ports(service)),
        profiles=profiles,
        not_started_because=_explain_not_started(service, profiles, is_active),
        mounts=read_mounts(service),
        read_only_mounts=find_read_only_mounts(service),
        added_capabilities=tuple(read_capabilities(service, "cap_add")),
        dropped_capabilities=tuple(read_capabilities(service, "cap_drop")),
        devices=dict(read_devices(service)),
        is_built=service.get("build") is not None,
        waits=tuple(read_waits(service)),
        health_check=read_health_check(service),
        host_devices=tuple(read_host_devices(service)),
        host_paths=tuple(read_host_paths(service)),
        unread_sources=tuple(source for source in _UNREAD_SOURCES if source in service.marks),
    )


def _explain_not_started(service: Table, profiles: tuple[str, ...], is_active: bool) -> str:
    if service.get("provider") is not None:
        return "its provider creates it, without a container"
    if not is_active:
        return f"only with profile {' or '.join(profiles)}"
    if service.get("scale") == 0 and "scale" in service:
        return "scale is 0"
    replicas = descend(service, "deploy").get("replicas")
    return "replicas is 0" if replicas == 0 and "scale" not in service else ""
