"""One document of a Compose file as the services that it describes.

Only known keys are visited, so that aliases cannot make the walk long.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from ruamel.yaml.comments import CommentedMap

from infra.compose_file.command_words import read_words
from infra.compose_file.env_files import check_label_files, read_env_files
from infra.compose_file.old_extends import extend_service, list_reset_keys
from infra.compose_file.old_merge import merge
from infra.compose_file.model import ComposeFile, Service
from infra.compose_file.references import Include, NotFollowedError
from infra.compose_file.scope import NO_SERVICES, Scope, interpolate_at, make_error, note_unread
from infra.compose_file.old_values import (
    read_devices,
    read_environment,
    read_mounts,
    read_ports,
    read_settings,
)
from infra.compose_file.old_yaml_nodes import (
    descend,
    find_item_line,
    find_line,
    to_list,
    to_mapping,
    to_text,
)

# What may stand in a file that has no services of its own.
_OTHER_KEYS = ("configs", "models", "name", "networks", "secrets", "version", "volumes")


def read_document(scope: Scope) -> ComposeFile:
    """Return what the document asks for, or the `only` service of it that is extended.

    Raises:
        InputError: it is no Compose file, with the line.

    """
    keys = {str(key): find_line(scope.document, key) for key in scope.document}
    if not _is_compose_file(scope):
        raise make_error(scope, 1, NO_SERVICES)
    services = tuple(_read_services(scope, keys.get("services", 1)))
    brought = [] if scope.only else list(_read_includes(scope, keys.get("include", 1)))
    included = {service.name: service for file in brought for service in file.services}
    own = ComposeFile(
        path=scope.path,
        services=services,
        keys=keys,
        unread=tuple(dict.fromkeys(scope.notes.unread)),
        unset=tuple(scope.notes.unset),
        refused=_find_conflict(services, included),
        reset_keys=scope.reset_keys,
        files=dict(_find_files(scope)),
        sources={scope.path: scope.lines, **scope.notes.sources},
    )
    return merge([own, *brought])


def _is_compose_file(scope: Scope) -> bool:
    """Whether it is a Compose file; one without services may go with another that has some."""
    document, reset_keys = scope.document, scope.reset_keys
    if {"include", "services"}.isdisjoint({*document, *reset_keys}):
        return all(str(key) in _OTHER_KEYS or str(key).startswith("x-") for key in document)
    return document.get("services", "") is not None or "services" in reset_keys


def _read_services(scope: Scope, line: int) -> Iterator[Service]:
    services = scope.document.get("services")
    if services is None:
        return
    if not isinstance(services, CommentedMap):
        raise make_error(scope, line, "`services` must be a mapping")
    for key, service in services.items():
        name, at = str(key), find_line(services, key)
        if service is None or scope.only not in (None, name):
            continue
        if not isinstance(service, CommentedMap):
            raise make_error(scope, at, f"service {name!r} must be a mapping")
        yield extend_service(scope, service, _read_service(scope, name, service, at))


def _read_service(scope: Scope, name: str, service: CommentedMap, line: int) -> Service:
    """Return what a service sets itself, without what it extends."""
    check_label_files(scope, name, service, line)
    env_file_values, unread_sources = read_env_files(scope, name, service, line)
    return Service(
        name=name,
        line=line,
        file=scope.path,
        settings=read_settings(scope, service, line),
        devices=dict(read_devices(scope, service, line)),
        entrypoint=read_words(scope, service, "entrypoint", line),
        arguments=read_words(scope, service, "command", line),
        variables=read_environment(scope, service, line),
        environment_is=_find_environment_form(service),
        env_file_values=env_file_values,
        ports=tuple(read_ports(scope, service, line)),
        profiles=tuple(to_text(item) for item in to_list(service.get("profiles"))),
        mounts=read_mounts(scope, service, line),
        unread_sources=unread_sources,
        reset_keys=tuple(list_reset_keys(scope, name, service)),
    )


def _find_environment_form(service: CommentedMap) -> Literal["", "mapping", "list"]:
    if "environment" not in service:
        return ""
    return "list" if isinstance(service["environment"], list) else "mapping"


def _find_files(scope: Scope) -> Iterator[tuple[str, str]]:
    """Yield the files that top-level secrets and configs are."""
    for key in ("secrets", "configs"):
        entries = descend(scope.document, key)
        for name, entry in entries.items():
            if file := to_text(to_mapping(entry).get("file")):
                path = interpolate_at(scope, file, find_line(entries, name))
                yield f"{key}.{name}.file", scope.references.resolve_path(path)


def _read_includes(scope: Scope, default_line: int) -> Iterator[ComposeFile]:
    value = scope.document.get("include")
    for index, item in enumerate(to_list(value)):
        line = find_item_line(value, index, default_line)
        try:
            brought = scope.references.read_include(_read_include(scope, item, line))
            yield replace(brought, reset_keys=())  # it is merged in, and cleared by itself
        except NotFollowedError as error:
            note_unread(scope, "`include`", line, error)


def _read_include(scope: Scope, item: Any, line: int) -> Include:
    entry = to_mapping(item) or {"path": item}
    if unknown := set(entry) - {"path", "project_directory", "env_file"}:
        raise NotFollowedError(f"it has {min(map(str, unknown))!r}", outside=True)

    def read_texts(key: str) -> tuple[str, ...]:
        value = entry.get(key)
        items = to_list(value) if isinstance(value, list) else [value]
        return tuple(interpolate_at(scope, to_text(one), line) for one in items if to_text(one))

    folder = interpolate_at(scope, to_text(entry.get("project_directory")), line)
    return Include(read_texts("path"), folder, read_texts("env_file"))


def _find_conflict(own: tuple[Service, ...], included: Mapping[str, Service]) -> str:
    """Return what Compose says where a service is included and defined otherwise, too."""
    for service in own:
        other = included.get(service.name)
        if other is not None and _list_values(other) != _list_values(service):
            return f"services.{service.name} conflicts with imported resource"
    return ""


def _list_values(service: Service) -> tuple[Any, ...]:
    return (
        {key: text.value for key, text in service.settings.items()},
        [text.value for text in service.command],
        {name: text.value for name, text in service.environment.items()},
        {text.value for text in service.ports},
        {key: devices.requests for key, devices in service.devices.items()},
    )
