"""Walk a parsed compose file, and take from it what the doctor judges."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, Protocol

from ruamel.yaml.comments import CommentedMap

from infra.doctor.compose_merge import merge, overlay
from infra.doctor.composefile import ComposeFile, Service, Text, Unread, Unset
from infra.doctor.interpolate import BadVariableError, interpolate, read_dotenv
from qca.errors import InputError

NOT_JUDGED = "Nothing in the file was judged, and nothing in it was changed."


class NotFollowedError(Exception):
    """A file that the compose file refers to was not read; the message says why."""

    def __init__(self, why: str, *, outside: bool = False) -> None:
        super().__init__(why)
        self.outside = outside


class Folder(Protocol):
    """How a reader gets at the files beside the one that it reads. All raise NotFollowedError."""

    def lines(self, name: str) -> tuple[str, tuple[str, ...]]:
        """Return the path and the lines of a file."""
        ...

    def included(self, name: str) -> ComposeFile:
        """Return another compose file, whose paths are relative to its own folder."""
        ...

    def extended(self, name: str, service: str) -> "ComposeFile":
        """Return that file with this one service, itself extended by what it extends."""
        ...


class Reader:
    """Walks only the keys that the doctor knows, so that aliases cannot blow it up."""

    def __init__(
        self,
        path: str,
        lines: tuple[str, ...],
        variables: Mapping[str, str],
        folder: Folder,
        override: str | None = None,
    ) -> None:
        self._path = path
        self._override = override
        self._lines = lines
        self._variables = variables
        self._folder = folder
        self._document = CommentedMap()
        self._unread: list[Unread] = []
        self._unset: list[Unset] = []
        self._sources: dict[str, tuple[str, ...]] = {path: lines}

    def file(self, document: CommentedMap, only: str | None = None) -> ComposeFile:
        """Return what the whole document asks for, or `only` one service of it.

        Raises:
            InputError: where it is no compose file, with the line.

        """
        self._document = document
        keys = {str(key): _line(document, key) for key in document}
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
        for index, item in enumerate(_sequence(value)):
            at = _item_line(value, index, line)
            names = item
            if isinstance(item, CommentedMap):
                names = item.get("path")
                if set(item) - {"path"}:
                    names = None  # an `env_file` or a folder of its own, wherever they lie
            names = [names] if isinstance(names, str) else _sequence(names)
            if not names:
                self._not_read("`include`", at, NotFollowedError("it has settings", outside=True))
            for name in names:
                try:
                    yield self._folder.included(self._filled(_plain(name), at))
                except NotFollowedError as error:
                    self._not_read("`include`", at, error)

    def _not_read(self, what: str, line: int, error: NotFollowedError) -> None:
        self._unread.append(Unread(what, line, self._path, str(error), error.outside))

    def _services(self, services: Any, line: int, only: str | None) -> Iterator[Service]:
        if services is None:
            return
        if not isinstance(services, CommentedMap):
            raise self._error(line, "`services` must be a mapping")
        for name, service in services.items():
            at = _line(services, name)
            if service is None or only not in (None, str(name)):
                continue
            if not isinstance(service, CommentedMap):
                raise self._error(at, f"service {str(name)!r} must be a mapping")
            yield self._service(str(name), service, at)

    def _service(self, name: str, service: CommentedMap, line: int) -> Service:
        own = self._extended(name, service, line, self._of_itself(name, service, line))
        return replace(own, flagfile=self._flagfile(own))

    def _of_itself(self, name: str, service: CommentedMap, line: int) -> Service:
        limits = _inside(service, "deploy", "resources", "limits")
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
            profiles=tuple(_plain(item) for item in _sequence(service.get("profiles"))),
            mounts=dict(self._mounts(service, line)),
            elsewhere=unread,
        )

    def _extended(self, name: str, service: CommentedMap, line: int, own: Service) -> Service:
        """Lay the service over the one that it extends, in this file or another of the folder."""
        if "extends" not in service:
            return own
        at, asked = _line(service, "extends", line), service["extends"]
        file = self._filled(_plain(_mapping(asked).get("file")), at)
        other = self._filled(_plain(_mapping(asked).get("service") or asked), at)
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
        value, at = service.get("env_file"), _line(service, "env_file", line)
        found: dict[str, Text] = {}
        unread: tuple[str, ...] = ()
        for item in [value] if isinstance(value, str) else _sequence(value):
            entry = _mapping(item)
            try:
                path, lines = self._folder.lines(
                    self._filled(_plain(entry.get("path") if entry else item), at)
                )
                if "format" in entry:
                    raise NotFollowedError("its format is not Compose's own")
            except NotFollowedError as error:
                self._not_read(f"`env_file` of service {name}", at, error)
                unread = ("env_file",)
                continue
            self._sources[path] = lines
            for number, text in enumerate(lines, 1):
                for key, given in read_dotenv(text).items():
                    found[key] = Text(given, number, given, path)
        return found, unread

    def _look_at_label_files(self, name: str, service: CommentedMap, line: int) -> None:
        """Compose reads these too; what is in them matters to nobody here."""
        value, at = service.get("label_file"), _line(service, "label_file", line)
        for item in [value] if isinstance(value, str) else _sequence(value):
            try:
                self._folder.lines(self._filled(_plain(item), at))
            except NotFollowedError as error:
                self._not_read(f"`label_file` of service {name}", at, error)

    def _memlock(self, service: CommentedMap, line: int) -> Text | None:
        asked = _inside(service, "ulimits").get("memlock")
        if isinstance(asked, CommentedMap):
            return self._scalar(asked, "hard", line) or self._scalar(asked, "soft", line)
        return self._scalar(_inside(service, "ulimits"), "memlock", line)

    def _mounts(self, service: CommentedMap, line: int) -> Iterator[tuple[str, str]]:
        """Yield what of the host is seen where: bind mounts, secrets and configs."""
        at = _line(service, "volumes", line)
        for item in _sequence(service.get("volumes")):
            if isinstance(item, CommentedMap):
                if item.get("type") == "bind":
                    source, target = _plain(item.get("source")), _plain(item.get("target"))
                    yield self._filled(target, at), self._filled(source, at)
            else:
                source, _, rest = self._filled(_plain(item), at).partition(":")
                if source.startswith(("/", ".", "~")):
                    yield rest.partition(":")[0], source
        for key, folder in (("secrets", "/run/secrets/"), ("configs", "/")):
            for item in _sequence(service.get(key)):
                entry = _mapping(item)
                name = _plain(entry.get("source") if entry else item)
                target = _plain(entry.get("target")) or name
                source = _plain(_inside(self._document, key, name).get("file"))
                if source:
                    place = target if target.startswith("/") else folder + target
                    yield place, self._filled(source, at)

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
            return tuple(
                Text(text.strip(), number, text.strip(), path)
                for number, text in enumerate(lines, 1)
                if text.strip().startswith("-")
            )
        return None

    def _words(self, service: CommentedMap, key: str, line: int) -> tuple[Text, ...]:
        """Return a command's words, written as a list or as one string for a shell's rules."""
        value = service.get(key)
        at = _line(service, key, line)
        if isinstance(value, str):
            whole = self._filled(value, at)
            try:
                words = shlex.split(whole)
                raw = shlex.split(value)
            except ValueError as error:
                raise self._error(at, f"{key}: {error}") from None
            raws = raw if len(raw) == len(words) else words
            return tuple(
                Text(word, self._find(written, at), written, self._path)
                for word, written in zip(words, raws, strict=True)
            )
        return tuple(
            Text(self._filled(_plain(item), spot), spot, _plain(item), self._path)
            for index, item in enumerate(_sequence(value))
            if (spot := _item_line(value, index, at))
        )

    def _environment(self, service: CommentedMap, line: int) -> dict[str, Text]:
        value = service.get("environment")
        at = _line(service, "environment", line)
        if isinstance(value, CommentedMap):
            pairs = [(str(key), value[key], _line(value, key, at)) for key in value]
        else:
            pairs = [
                (*_assignment(_plain(item)), _item_line(value, index, at))
                for index, item in enumerate(_sequence(value))
            ]
        return {
            name: Text(self._filled(_plain(written), spot), spot, _plain(written), self._path)
            for name, given, spot in pairs
            if (written := self._variables.get(name) if given is None else given) is not None
        }

    def _gpu(self, service: CommentedMap, line: int) -> Text | None:
        if service.get("gpus"):
            return Text("gpus", _line(service, "gpus", line), "gpus", self._path)
        if service.get("runtime") == "nvidia":
            at = _line(service, "runtime", line)
            return Text("runtime", at, "runtime: nvidia", self._path)
        reservations = _inside(service, "deploy", "resources", "reservations")
        for index, device in enumerate(_sequence(reservations.get("devices"))):
            asked = [_plain(item) for item in _sequence(_mapping(device).get("capabilities"))]
            if "gpu" in asked:
                at = _item_line(reservations["devices"], index, line)
                where = "deploy.resources.reservations.devices"
                return Text("reservation", at, where, self._path)
        return None

    def _ports(self, service: CommentedMap, line: int) -> Iterator[Text]:
        value = service.get("ports")
        for index, item in enumerate(_sequence(value)):
            at = _item_line(value, index, _line(service, "ports", line))
            if isinstance(item, CommentedMap):
                address, port = (_plain(item.get(key)) for key in ("host_ip", "published"))
                published = self._filled(f"{address}:{port}" if address else port, at)
            else:  # [ADDRESS:]HOST:CONTAINER[/PROTOCOL]; CONTAINER alone takes any free port
                published = self._filled(_plain(item), at).partition("/")[0].rpartition(":")[0]
            if published:
                yield Text(published, at, published, self._path)

    def _scalar(self, mapping: CommentedMap, key: str, line: int) -> Text | None:
        value = mapping.get(key)
        if value is None or isinstance(value, dict | list):
            return None
        at = _line(mapping, key, line)
        return Text(self._filled(str(value), at), at, str(value), self._path)

    def _filled(self, text: str, line: int) -> str:
        try:
            value, missing = interpolate(text, self._variables)
        except BadVariableError as error:
            raise self._error(line, str(error)) from None
        self._unset += [Unset(variable, line, self._path) for variable in missing]
        return value

    def _find(self, word: str, start: int) -> int:
        """Return the line of a word of a string that may run over several lines."""
        for number in range(start, len(self._lines) + 1):
            if word in self._lines[number - 1]:
                return number
        return start

    def _error(self, line: int, problem: str) -> InputError:
        return InputError(f"{self._path}:{line}: {problem}", hint=NOT_JUDGED)


def _assignment(item: str) -> tuple[str, str | None]:
    name, equals, value = item.partition("=")
    return name, value if equals else None


def _line(mapping: CommentedMap, key: Any, otherwise: int = 1) -> int:
    """Return a key's line; a key that came by a merge (`<<`) has none of its own."""
    try:
        return mapping.lc.key(key)[0] + 1
    except (KeyError, AttributeError, TypeError):
        return otherwise


def _item_line(sequence: Any, index: int, otherwise: int) -> int:
    try:
        return sequence.lc.item(index)[0] + 1
    except (KeyError, AttributeError, TypeError):
        return otherwise


def _sequence(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _plain(value: Any) -> str:
    """Return a scalar as text; printing a nest of aliases could take for ever."""
    return "" if value is None or isinstance(value, dict | list | set) else str(value)


def _mapping(value: Any) -> CommentedMap:
    return value if isinstance(value, CommentedMap) else CommentedMap()


def _inside(mapping: CommentedMap, *keys: str) -> CommentedMap:
    for key in keys:
        mapping = _mapping(mapping.get(key))
    return mapping
