"""Walk a parsed compose file, and take from it what the doctor judges."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from ruamel.yaml.comments import CommentedMap

from infra.doctor.composefile import ComposeFile, Service, Text, Unread, Unset
from infra.doctor.interpolate import BadVariableError, interpolate
from qca.errors import InputError

NOT_JUDGED = "Nothing in the file was judged, and nothing in it was changed."


class Reader:
    """Walks only the keys that the doctor knows, so that aliases cannot blow it up."""

    def __init__(
        self,
        path: str,
        lines: list[str],
        variables: Mapping[str, str],
        override: str | None = None,
    ) -> None:
        self._path = path
        self._override = override
        self._lines = lines
        self._variables = variables
        self._unread: list[Unread] = []
        self._unset: list[Unset] = []

    def file(self, document: CommentedMap) -> ComposeFile:
        """Return what the whole document asks for.

        Raises:
            InputError: where it is no compose file, with the line.

        """
        keys = {str(key): _line(document, key) for key in document}
        if "include" in document:
            self._unread.append(Unread("`include`", keys["include"]))
        services = document.get("services")
        if services is None and "include" not in document:
            raise self._error(1, "not a compose file: no `services` there")
        found = tuple(self._services(services, keys.get("services", 1)))
        return ComposeFile(
            path=self._path,
            services=found,
            keys=keys,
            unread=tuple(self._unread),
            unset=tuple(self._unset),
            override=self._override,
        )

    def _services(self, services: Any, line: int) -> Iterator[Service]:
        if services is None:
            return
        if not isinstance(services, CommentedMap):
            raise self._error(line, "`services` must be a mapping")
        for name, service in services.items():
            at = _line(services, name)
            if service is None:
                continue
            if not isinstance(service, CommentedMap):
                raise self._error(at, f"service {str(name)!r} must be a mapping")
            yield self._service(str(name), service, at)

    def _service(self, name: str, service: CommentedMap, line: int) -> Service:
        elsewhere = tuple(key for key in ("extends", "env_file") if key in service)
        self._unread += [
            Unread(f"`{key}` of service {name}", _line(service, key, line)) for key in elsewhere
        ]
        entrypoint = self._words(service, "entrypoint", line)
        command = (*entrypoint, *self._words(service, "command", line))
        limits = _inside(service, "deploy", "resources", "limits")
        return Service(
            name=name,
            line=line,
            image=self._scalar(service, "image", line),
            command=command,
            shell=bool(command) and command[0].value.rpartition("/")[2] in ("sh", "bash"),
            environment=self._environment(service, line),
            memory_limit=self._scalar(limits, "memory", line)
            or self._scalar(service, "mem_limit", line),
            cpus=self._scalar(limits, "cpus", line) or self._scalar(service, "cpus", line),
            cpuset=self._scalar(service, "cpuset", line),
            gpu=self._gpu(service, line),
            ports=tuple(self._ports(service, line)),
            profiles=tuple(_plain(item) for item in _sequence(service.get("profiles"))),
            elsewhere=elsewhere,
        )

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
                Text(word, self._find(written, at), written)
                for word, written in zip(words, raws, strict=True)
            )
        return tuple(
            Text(self._filled(_plain(item), spot), spot, _plain(item))
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
            name: Text(self._filled(_plain(written), spot), spot, _plain(written))
            for name, given, spot in pairs
            if (written := self._variables.get(name) if given is None else given) is not None
        }

    def _gpu(self, service: CommentedMap, line: int) -> Text | None:
        if service.get("gpus"):
            return Text("gpus", _line(service, "gpus", line), "gpus")
        if service.get("runtime") == "nvidia":
            return Text("runtime", _line(service, "runtime", line), "runtime: nvidia")
        reservations = _inside(service, "deploy", "resources", "reservations")
        for index, device in enumerate(_sequence(reservations.get("devices"))):
            asked = [_plain(item) for item in _sequence(_mapping(device).get("capabilities"))]
            if "gpu" in asked:
                at = _item_line(reservations["devices"], index, line)
                return Text("reservation", at, "deploy.resources.reservations.devices")
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
                yield Text(published, at, published)

    def _scalar(self, mapping: CommentedMap, key: str, line: int) -> Text | None:
        value = mapping.get(key)
        if value is None or isinstance(value, dict | list):
            return None
        at = _line(mapping, key, line)
        return Text(self._filled(str(value), at), at, str(value))

    def _filled(self, text: str, line: int) -> str:
        try:
            value, missing = interpolate(text, self._variables)
        except BadVariableError as error:
            raise self._error(line, str(error)) from None
        self._unset += [Unset(variable, line) for variable in missing]
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
