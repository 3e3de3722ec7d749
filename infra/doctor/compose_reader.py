"""Walk a parsed compose file, and take from it what the doctor judges."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Protocol

from ruamel.yaml.comments import CommentedMap

from infra.doctor.compose_merge import merge, overlay
from infra.doctor.compose_nodes import inside, item_line, mapping, plain, sequence
from infra.doctor.compose_nodes import line as line_of
from infra.doctor.compose_values import Values
from infra.doctor.composefile import ComposeFile, Place, Service, Text, Unread
from infra.doctor.dotenv import assignments


class NotFollowedError(Exception):
    """A file that the compose file refers to was not read; the message says why."""

    def __init__(self, why: str, *, outside: bool = False, missing: bool = False) -> None:
        super().__init__(why)
        self.outside = outside
        self.missing = missing


@dataclass(frozen=True)
class Include:
    """One entry of `include`: files that are merged, and what they are read with."""

    paths: tuple[str, ...]
    project_directory: str = ""
    """What paths in them are relative to; empty for the folder of the first."""
    env_files: tuple[str, ...] = ()
    """Read in place of the `.env` of that folder."""


class Folder(Protocol):
    """How a reader gets at the files beside the one that it reads. All raise NotFollowedError."""

    def lines(self, name: str) -> tuple[str, tuple[str, ...]]:
        """Return the path and the lines of a file."""
        ...

    def included(self, include: "Include") -> ComposeFile:
        """Return what one entry of `include` brings, its files merged."""
        ...

    def extended(self, name: str, service: str) -> "ComposeFile":
        """Return that file with this one service, itself extended by what it extends."""
        ...


class Reader(Values):
    """Walks only the keys that the doctor knows, so that aliases cannot blow it up."""

    def __init__(
        self,
        path: str,
        lines: tuple[str, ...],
        variables: Mapping[str, str],
        folder: Folder,
        override: str | None = None,
    ) -> None:
        super().__init__(path, lines, variables)
        self._override = override
        self._folder = folder
        self._unread: list[Unread] = []
        self._sources: dict[str, tuple[str, ...]] = {path: lines}

    def file(self, document: CommentedMap, only: str | None = None) -> ComposeFile:
        """Return what the whole document asks for, or `only` one service of it.

        Raises:
            InputError: where it is no compose file, with the line.

        """
        self._document = document
        keys = {str(key): line_of(document, key) for key in document}
        self._note_tags()
        services = document.get("services")
        if services is None and "include" not in document:
            raise self._error(1, "not a compose file: no `services` there")
        own = tuple(self._services(services, keys.get("services", 1), only))
        brought = [] if only else list(self._included(keys.get("include", 1)))
        found = ComposeFile(
            path=self._path,
            services=own,
            keys=keys,
            unread=tuple(self._unread),
            unset=tuple(self._unset),
            override=self._override,
            sources=self._sources,
        )
        return replace(merge([found, *brought]), override=self._override)

    def _note_tags(self) -> None:
        """`!reset` and `!override` change how files are merged, which only Compose does here."""
        for number, line in enumerate(self._lines, 1):
            if "!reset" in line.partition("#")[0] or "!override" in line.partition("#")[0]:
                self._not_read("a merge tag", number, NotFollowedError("only Compose merges it"))

    def _included(self, line: int) -> Iterator[ComposeFile]:
        value = self._document.get("include")
        for index, item in enumerate(sequence(value)):
            at = item_line(value, index, line)
            try:
                yield self._folder.included(self._include(item, at))
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

    def _not_read(self, what: str, line: int, error: NotFollowedError) -> None:
        self._unread.append(Unread(what, line, self._path, str(error), error.outside))

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
        own = self._extended(name, service, line, self._of_itself(name, service, line))
        return replace(own, flagfile=self._flagfile(own))

    def _of_itself(self, name: str, service: CommentedMap, line: int) -> Service:
        limits = inside(service, "deploy", "resources", "limits")
        by_file, unread = self._env_files(name, service, line)
        return Service(
            name=name,
            line=line,
            file=self._path,
            image=self._scalar(service, "image", line),
            entrypoint=self._words(service, "entrypoint", line),
            arguments=self._words(service, "command", line),
            environment={**by_file, **self._environment(service, line)},
            memory_limit=self._scalar(limits, "memory", line)
            or self._scalar(service, "mem_limit", line),
            cpus=self._scalar(limits, "cpus", line) or self._scalar(service, "cpus", line),
            cpuset=self._scalar(service, "cpuset", line),
            memlock=self._memlock(service, line),
            gpu=self._gpu(service, line),
            ports=tuple(self._ports(service, line)),
            profiles=tuple(plain(item) for item in sequence(service.get("profiles"))),
            mounts=dict(self._mounts(service, line)),
            elsewhere=unread,
        )

    def _extended(self, name: str, service: CommentedMap, line: int, own: Service) -> Service:
        """Lay the service over the one that it extends, in this file or another of the folder."""
        if "extends" not in service:
            return own
        at, asked = line_of(service, "extends", line), service["extends"]
        file = self._filled(plain(mapping(asked).get("file")), at)
        other = self._filled(plain(mapping(asked).get("service") or asked), at)
        try:
            found = self._folder.extended(file, other)
        except NotFollowedError as error:
            self._not_read(f"`extends` of service {name}", at, error)
            return replace(own, elsewhere=(*own.elsewhere, "extends"))
        self._unread += found.unread
        self._unset += found.unset
        self._sources |= found.sources
        return overlay(found.services[0], own)

    def _env_files(
        self, name: str, service: CommentedMap, line: int
    ) -> tuple[dict[str, Text], tuple[str, ...]]:
        """Return what the files of `env_file` set, and whether one of them was not read."""
        self._look_at_label_files(name, service, line)
        value, at = service.get("env_file"), line_of(service, "env_file", line)
        found: dict[str, Text] = {}
        unread: tuple[str, ...] = ()
        for item in [value] if isinstance(value, str) else sequence(value):
            entry = mapping(item)
            try:
                path, lines = self._folder.lines(
                    self._filled(plain(entry.get("path") if entry else item), at)
                )
                if "format" in entry:
                    raise NotFollowedError("its format is not Compose's own")
            except NotFollowedError as error:
                if error.missing and entry.get("required") is False:
                    continue
                self._not_read(f"`env_file` of service {name}", at, error)
                unread = ("env_file",)
                continue
            self._sources[path] = lines
            for key, given, number in assignments("\n".join(lines), self._variables):
                found[key] = Text(given, number, given, path)
        return found, unread

    def _look_at_label_files(self, name: str, service: CommentedMap, line: int) -> None:
        """Compose reads these too; what is in them matters to nobody here."""
        value, at = service.get("label_file"), line_of(service, "label_file", line)
        for item in [value] if isinstance(value, str) else sequence(value):
            try:
                self._folder.lines(self._filled(plain(item), at))
            except NotFollowedError as error:
                self._not_read(f"`label_file` of service {name}", at, error)

    def _flagfile(self, service: Service) -> tuple[Text, ...] | None:
        """Return the lines of Dragonfly's `--flagfile`, if it is mounted from this folder."""
        words = [word.value for word in service.command]
        pairs = [tuple(word.split("=", 1)) for word in words] + list(pairwise(words))
        named = [pair[1] for pair in pairs if pair[0].lstrip("-") == "flagfile" and len(pair) == 2]
        for place, source in service.mounts.items():
            top = place.rstrip("/")
            if not named or not (named[-1] + "/").startswith(top + "/"):
                continue
            rest = named[-1].removeprefix(top)
            try:
                path, lines = self._folder.lines(source + rest)
            except NotFollowedError:
                continue
            self._sources[path] = lines
            return tuple(
                _flag_line(text, number, path)
                for number, text in enumerate(lines, 1)
                if text.strip().startswith("-")
            )
        return None


def _flag_line(text: str, number: int, path: str) -> Text:
    flag = text.strip()
    start = text.index(flag)
    return Text(flag, number, flag, path, Place("line", start, start + len(flag)))
