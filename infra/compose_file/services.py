"""Walk a parsed compose file, and take from it what the doctor judges."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from ruamel.yaml.comments import CommentedMap

from infra.compose_file.dotenv import parse_assignments
from infra.compose_file.merge import merge, overlay
from infra.compose_file.model import (
    UNCERTAIN_TAGS,
    ComposeFile,
    LocatedValue,
    Service,
    UnreadReference,
)
from infra.compose_file.references import Include, NotFollowedError, References
from infra.compose_file.values import NO_SERVICES, Values
from infra.compose_file.yaml_nodes import inside, item_line, mapping, plain, sequence
from infra.compose_file.yaml_nodes import line as line_of

# What may stand in a file that has no services of its own.
_OTHER_KEYS = ("configs", "models", "name", "networks", "secrets", "version", "volumes")


class Reader(Values):
    """Walks only the keys that the doctor knows, so that aliases cannot blow it up."""

    def __init__(
        self,
        path: str,
        lines: tuple[str, ...],
        variables: Mapping[str, str],
        folder: References,
    ) -> None:
        super().__init__(path, lines, variables, folder)
        self._cleared: tuple[str, ...] = ()
        self._only: str | None = None
        self._unread: list[UnreadReference] = []
        self._sources: dict[str, tuple[str, ...]] = {path: lines}

    def file(
        self, document: CommentedMap, only: str | None = None, cleared: tuple[str, ...] = ()
    ) -> ComposeFile:
        """Return what the whole document asks for, or `only` one service of it.

        `cleared` are the keys that its merge tags clear below it.

        Raises:
            InputError: where it is no compose file, with the line.

        """
        self._document, self._cleared, self._only = document, cleared, only
        keys = {str(key): line_of(document, key) for key in document}
        services = document.get("services")
        if self._is_none(document, cleared):
            raise self._error(1, NO_SERVICES)
        own = tuple(self._services(services, keys.get("services", 1), only))
        brought = [] if only else list(self._included(keys.get("include", 1)))
        included = {service.name: service for file in brought for service in file.services}
        found = ComposeFile(
            path=self._path,
            services=own,
            keys=keys,
            unread=tuple(dict.fromkeys(self._unread)),
            unset=tuple(self._unset),
            refused=_conflict(own, included),
            reset_keys=cleared,
            files=dict(self._files()),
            sources=self._sources,
        )
        return merge([found, *brought])

    def _is_none(self, document: CommentedMap, cleared: tuple[str, ...]) -> bool:
        """Whether it is no compose file; one without services may go with another that has some."""
        if {"include", "services"}.isdisjoint({*document, *cleared}):
            return any(str(key) not in _OTHER_KEYS and str(key)[:2] != "x-" for key in document)
        return document.get("services", "") is None and "services" not in cleared

    def _files(self) -> Iterator[tuple[str, str]]:
        """Yield the files that top-level secrets and configs are."""
        for key in ("secrets", "configs"):
            for name, entry in inside(self._document, key).items():
                if file := plain(mapping(entry).get("file")):
                    at = line_of(inside(self._document, key), name)
                    yield f"{key}.{name}.file", self._folder.resolve_path(self._filled(file, at))

    def _included(self, line: int) -> Iterator[ComposeFile]:
        value = self._document.get("include")
        for index, item in enumerate(sequence(value)):
            at = item_line(value, index, line)
            try:
                brought = self._folder.read_include(self._include(item, at))
                yield replace(brought, reset_keys=())  # it is merged in, and cleared by itself
            except NotFollowedError as error:
                self._not_read("`include`", at, error)

    def _include(self, item: Any, line: int) -> Include:
        entry = mapping(item) or {"path": item}
        if unknown := set(entry) - {"path", "project_directory", "env_file"}:
            raise NotFollowedError(f"it has {min(map(str, unknown))!r}", outside=True)

        def texts(key: str) -> tuple[str, ...]:
            value = entry.get(key)
            items = sequence(value) if isinstance(value, list) else [value]
            return tuple(self._filled(plain(one), line) for one in items if plain(one))

        folder = self._filled(plain(entry.get("project_directory")), line)
        return Include(texts("path"), folder, texts("env_file"))

    def _not_read(self, what: str, line: int, error: NotFollowedError, **more: Any) -> None:
        self._unread.append(
            UnreadReference(what, line, self._path, str(error), error.outside, **more)
        )

    def _services(self, services: Any, line: int, only: str | None) -> Iterator[Service]:
        if services is None:
            return
        if not isinstance(services, CommentedMap):
            raise self._error(line, "`services` must be a mapping")
        for name, service in services.items():
            at = line_of(services, name)
            if service is None or only not in (None, str(name)):
                continue
            if not isinstance(service, CommentedMap):
                raise self._error(at, f"service {str(name)!r} must be a mapping")
            yield self._service(str(name), service, at)

    def _service(self, name: str, service: CommentedMap, line: int) -> Service:
        return self._extended(name, service, line, self._of_itself(name, service, line))

    def _of_itself(self, name: str, service: CommentedMap, line: int) -> Service:
        by_file, unread = self._env_files(name, service, line)
        return Service(
            name=name,
            line=line,
            file=self._path,
            settings=self._settings(service, line),
            entrypoint=self._words(service, "entrypoint", line),
            arguments=self._words(service, "command", line),
            variables=self._environment(service, line),
            environment_is=self._form(service),
            env_file_values=by_file,
            ports=tuple(self._ports(service, line)),
            profiles=tuple(plain(item) for item in sequence(service.get("profiles"))),
            mounts=self._mounts(service, line),
            devices=dict(self._devices(service, line)),
            unread_sources=unread,
            reset_keys=tuple(self._cleared_by(name, service)),
        )

    def _form(self, service: CommentedMap) -> Literal["", "mapping", "list"]:
        if "environment" not in service:
            return ""
        return "list" if isinstance(service["environment"], list) else "mapping"

    def _cleared_by(self, name: str, service: CommentedMap) -> Iterator[str]:
        """Yield the keys that a service clears; an empty command replaces one, too."""
        yield from (key for key in ("command", "entrypoint") if key in service)
        within = f"services.{name}."
        yield from (key.removeprefix(within) for key in self._cleared if key.startswith(within))

    def _extended(self, name: str, service: CommentedMap, line: int, own: Service) -> Service:
        """Lay the service over the one that it extends, in this file or another of the folder."""
        if "extends" not in service:
            return own
        at, asked = line_of(service, "extends", line), service["extends"]
        file = self._filled(plain(mapping(asked).get("file")), at)
        other = self._filled(plain(mapping(asked).get("service") or asked), at)
        try:
            found = self._folder.read_extended(file, other)
        except NotFollowedError as error:
            self._not_read(f"`extends` of service {name}", at, error)
            return replace(own, unread_sources=(*own.unread_sources, "extends"))
        self._unread += found.unread
        self._unset += found.unset
        self._sources |= found.sources
        if not file and self._goes_by_chance(other):
            self._not_read(
                f"`extends` of service {name}", at, _by_chance(other), is_nondeterministic=True
            )
            own = replace(own, unread_sources=(*own.unread_sources, UNCERTAIN_TAGS))
        elif self._only is None and self._goes_by_chance(name) and self._is_extended_here(name):
            own = replace(own, unread_sources=(*own.unread_sources, UNCERTAIN_TAGS))
        return overlay(found.services[0], own)

    def _goes_by_chance(self, name: str) -> bool:
        """Whether it is by chance that Compose 2.40 heeds a service's tags.

        If it comes to the service from one of the file that extends it, it forgets the tags on
        the way to what the service extends itself.
        """
        within = f"services.{name}."
        tagged = any(key.startswith(within) for key in self._cleared)
        return tagged and "extends" in inside(self._document, "services", name)

    def _is_extended_here(self, name: str) -> bool:
        asked = [mapping(one).get("extends") for one in inside(self._document, "services").values()]
        return any(
            plain(mapping(one).get("service") or one) == name and "file" not in mapping(one)
            for one in asked
        )

    def _env_files(
        self, name: str, service: CommentedMap, line: int
    ) -> tuple[dict[str, LocatedValue], tuple[str, ...]]:
        """Return what the files of `env_file` set, and whether one of them was not read."""
        self._look_at_label_files(name, service, line)
        value, at = service.get("env_file"), line_of(service, "env_file", line)
        found: dict[str, LocatedValue] = {}
        unread: tuple[str, ...] = ()
        for item in [value] if isinstance(value, str) else sequence(value):
            entry = mapping(item)
            try:
                path, lines = self._folder.read_lines(
                    self._filled(plain(entry.get("path") if entry else item), at)
                )
                if "format" in entry:
                    raise NotFollowedError("its format is not Compose's own")
            except NotFollowedError as error:
                if error.missing and entry.get("required") is False:
                    continue
                key = f"services.{name}.env_file"
                self._not_read(f"`env_file` of service {name}", at, error, key=key)
                unread = ("env_file",)
                continue
            self._sources[path] = lines
            for key, given, number in parse_assignments("\n".join(lines), self._variables):
                found[key] = LocatedValue(given, number, given, path)
        return found, unread

    def _look_at_label_files(self, name: str, service: CommentedMap, line: int) -> None:
        """Compose reads these too; what is in them matters to nobody here."""
        value, at = service.get("label_file"), line_of(service, "label_file", line)
        for item in [value] if isinstance(value, str) else sequence(value):
            try:
                self._folder.read_lines(self._filled(plain(item), at))
            except NotFollowedError as error:
                key = f"services.{name}.label_file"
                self._not_read(f"`label_file` of service {name}", at, error, key=key)


def _conflict(own: tuple[Service, ...], included: Mapping[str, Service]) -> str:
    """Return what Compose says where a service is included and defined otherwise, too."""
    for service in own:
        other = included.get(service.name)
        if other is not None and _asked_for(other) != _asked_for(service):
            return f"services.{service.name} conflicts with imported resource"
    return ""


def _asked_for(service: Service) -> tuple[Any, ...]:
    return (
        {key: text.value for key, text in service.settings.items()},
        [text.value for text in service.command],
        {name: text.value for name, text in service.environment.items()},
        {text.value for text in service.ports},
        {key: devices.requests for key, devices in service.devices.items()},
    )


def _by_chance(name: str) -> NotFollowedError:
    return NotFollowedError(
        f"service {name}, which it extends, has `!reset` or `!override` and extends another "
        "itself, and Compose 2.40 heeds those tags or forgets them by chance"
    )
