"""Read a compose file that somebody else wrote: what its services ask for, with line numbers.

Nothing in it is run, and no other file is followed: what it refers to (`include`,
`extends`, `env_file`) is listed in `unread`, so that it is never taken for fine.
"""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent

from infra.doctor.interpolate import BadVariableError, Missing, interpolate, read_dotenv
from qca.errors import InputError
from qca.units import KIB

# Compose files are a few kilobytes; a parser that keeps comments is slow on more.
_LARGEST_FILE = 256 * KIB

# Compose's own schema goes about ten levels deep; the parser's time grows with the square.
_DEEPEST = 50

_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""The names that Compose looks for, in its order of preference."""


@dataclass(frozen=True)
class Text:
    """A value as written, its variables filled in, and the line it stands on."""

    value: str
    line: int
    raw: str


@dataclass(frozen=True)
class Unread:
    """Something that the file refers to and that was not looked into."""

    what: str
    line: int


@dataclass(frozen=True)
class Unset:
    """A variable without a value, and where it is used."""

    variable: Missing
    line: int


@dataclass(frozen=True)
class Service:
    """What one service asks for, as far as the doctor judges it."""

    name: str
    line: int
    image: Text | None = None
    command: tuple[Text, ...] = ()
    """Arguments, the entrypoint's before the command's."""
    shell: bool = False
    """Whether the command is handed to a shell, which may do anything with it."""
    environment: Mapping[str, Text] = field(default_factory=dict)
    memory_limit: Text | None = None
    cpus: Text | None = None
    cpuset: Text | None = None
    gpu: Text | None = None
    """The key that asks for a GPU: `gpus`, `runtime` or a reservation."""
    ports: tuple[Text, ...] = ()
    """Published host ports, `ADDRESS:PORT` or `PORT`."""
    profiles: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    """Keys by which settings come from files that were not read."""


@dataclass(frozen=True)
class ComposeFile:
    """A compose file as read."""

    path: str
    services: tuple[Service, ...]
    keys: Mapping[str, int]
    """Top-level keys and their lines."""
    unread: tuple[Unread, ...] = ()
    unset: tuple[Unset, ...] = ()
    override: str | None = None
    """The override file beside it, which Compose merges by itself."""


def default_file(folder: Path) -> Path | None:
    """Return the compose file that Compose would take in `folder`."""
    return next((folder / name for name in _NAMES if (folder / name).is_file()), None)


def read_compose_file(path: Path, environment: Mapping[str, str]) -> ComposeFile:
    """Read `path`; variables come from `environment`, then from the `.env` beside the file.

    Raises:
        InputError: if it cannot be read, is not YAML, or is no compose file; with the line.

    """
    text = _text(path)
    variables = {**_dotenv(path.parent / ".env"), **environment}
    document = _parsed(path, text)
    return _Reader(path, text.splitlines(), variables).file(document)


def _override_of(path: Path) -> str | None:
    """Return the override file that Compose would add when it finds `path` by itself."""
    if path.name not in _NAMES:
        return None
    names = (f"{path.stem}.override{suffix}" for suffix in (".yaml", ".yml"))
    return next((name for name in names if (path.parent / name).is_file()), None)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InputError(f"{path}: larger than 256 KiB", hint="That is no compose file.")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", hint="Check the path given to -f.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text", hint="Compose files are UTF-8.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: {reason}", hint="Check the path and its permissions.") from None


def _dotenv(path: Path) -> dict[str, str]:
    try:
        return read_dotenv(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return {}


def _parsed(path: Path, text: str) -> CommentedMap:
    try:
        _refuse_deep_nesting(path, text)
        document = YAML(typ="rt").load(text)
    except InputError:
        raise
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{path}:{mark.line + 1}" if mark else f"{path}"
        problem = " ".join((error.problem or "not YAML").split())
        raise InputError(f"{place}: not valid YAML: {problem}", hint=_MEND_FIRST) from None
    except Exception as error:  # on odd input ruamel ends with TypeError, RecursionError, ...
        problem = " ".join(str(error).split())
        raise InputError(f"{path}: not valid YAML: {problem}", hint=_MEND_FIRST) from None
    if not isinstance(document, CommentedMap):
        raise InputError(f"{path}:1: not a compose file: no `services` there", hint=_MEND_FIRST)
    return document


def _refuse_deep_nesting(path: Path, text: str) -> None:
    depth = 0
    for event in YAML().parse(text):
        if isinstance(event, CollectionStartEvent):
            depth += 1
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            line = event.start_mark.line + 1
            raise InputError(f"{path}:{line}: nested too deeply", hint=_MEND_FIRST)


_MEND_FIRST = "Nothing in the file was judged, and nothing in it was changed."


class _Reader:
    """Walks only the keys that the doctor knows, so that aliases cannot blow it up."""

    def __init__(self, path: Path, lines: list[str], variables: Mapping[str, str]) -> None:
        self._path = path
        self._lines = lines
        self._variables = variables
        self._unread: list[Unread] = []
        self._unset: list[Unset] = []

    def file(self, document: CommentedMap) -> ComposeFile:
        keys = {str(key): _line(document, key) for key in document}
        if "include" in document:
            self._unread.append(Unread("`include`", keys["include"]))
        services = document.get("services")
        if services is None and "include" not in document:
            raise self._error(1, "not a compose file: no `services` there")
        found = tuple(self._services(services, keys.get("services", 1)))
        return ComposeFile(
            path=str(self._path),
            services=found,
            keys=keys,
            unread=tuple(self._unread),
            unset=tuple(self._unset),
            override=_override_of(self._path),
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
        return InputError(f"{self._path}:{line}: {problem}", hint=_MEND_FIRST)


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
