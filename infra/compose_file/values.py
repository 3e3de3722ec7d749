"""The values of one compose file: variables filled in, each with its line."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import FoldedScalarString, LiteralScalarString

from infra.compose_file.devices import DeviceRequest, DeviceRequests
from infra.compose_file.interpolation import BadVariableError, interpolate
from infra.compose_file.model import LocatedValue, UnsetVariable
from infra.compose_file.references import References
from infra.compose_file.spans import Written, item_of_list, words_of_text
from infra.compose_file.yaml_nodes import (
    assignment,
    in_brackets,
    inside,
    item_column,
    item_line,
    mapping,
    plain,
    sequence,
    value_spot,
)
from infra.compose_file.yaml_nodes import (
    line as line_of,
)
from qca.core.errors import InputError

_PORTS = 2**16

# Keys of a service that hold one value.
_SINGLE = (
    "image",
    "mem_limit",
    "mem_reservation",
    "memswap_limit",
    "cpus",
    "cpu_quota",
    "cpu_period",
    "cpuset",
    "runtime",
)

NO_SERVICES = "not a compose file: no `services` there"
NOT_JUDGED = "Nothing in the file was judged, and nothing in it was changed."


class Values:
    """Reads what stands under a service's keys, and only under those that the doctor knows."""

    def __init__(
        self, path: str, lines: tuple[str, ...], variables: Mapping[str, str], folder: References
    ) -> None:
        self._path = path
        self._folder = folder
        self._lines = lines
        self._variables = variables
        self._document = CommentedMap()
        self._unset: list[UnsetVariable] = []

    def _words(self, service: CommentedMap, key: str, line: int) -> tuple[LocatedValue, ...]:
        """Return a command's words, written as a list or as one string for a shell's rules."""
        value = service.get(key)
        at = line_of(service, key, line)
        if isinstance(value, str):
            return self._split(value, key, at, value_spot(service, key))
        return tuple(self._item(value, index, at) for index in range(len(sequence(value))))

    def _split(
        self, value: str, key: str, line: int, spot: tuple[int, int] | None
    ) -> tuple[LocatedValue, ...]:
        try:
            words = shlex.split(self._filled(value, line))
        except ValueError as error:
            raise self._error(line, f"{key}: {error}") from None
        block = isinstance(value, FoldedScalarString | LiteralScalarString)
        written = words_of_text(value, self._lines, *spot, block=block) if spot else ()
        found = tuple(text for one in written for text in self._texts(one))
        if [text.value for text in found] == words:
            return found
        return tuple(LocatedValue(word, line, word, self._path) for word in words)

    def _texts(self, written: Written) -> Iterator[LocatedValue]:
        """Yield what becomes of a word: one, or by a variable in it none or several."""
        try:
            words = shlex.split(interpolate(written.text, self._variables)[0])
            raw = shlex.split(written.text)
        except ValueError:
            return
        for word in words:
            if len(words) == len(raw) == 1:
                yield LocatedValue(word, written.line, raw[0], self._path, written.place)
            else:
                yield LocatedValue(word, written.line, word, self._path)

    def _item(self, items: Any, index: int, line: int) -> LocatedValue:
        raw, at = plain(items[index]), item_line(items, index, line)
        column, place = item_column(items, index), None
        if column is not None:
            place = item_of_list(raw, self._lines, at, column, brackets=in_brackets(items))
        return LocatedValue(self._filled(raw, at), at, raw, self._path, place)

    def _environment(self, service: CommentedMap, line: int) -> dict[str, LocatedValue]:
        value = service.get("environment")
        at = line_of(service, "environment", line)
        if isinstance(value, CommentedMap):
            pairs = [(str(key), value[key], line_of(value, key, at)) for key in value]
        else:
            pairs = [
                (*assignment(plain(item)), item_line(value, index, at))
                for index, item in enumerate(sequence(value))
            ]
        return {
            name: LocatedValue(self._filled(plain(written), spot), spot, plain(written), self._path)
            for name, given, spot in pairs
            if (written := self._variables.get(name) if given is None else given) is not None
        }

    def _settings(self, service: CommentedMap, line: int) -> dict[str, LocatedValue]:
        """Return the single values by the paths of their keys."""
        limits = inside(service, "deploy", "resources", "limits")
        found = {key: self._scalar(service, key, line) for key in _SINGLE}
        for key in ("memory", "cpus"):
            found[f"deploy.resources.limits.{key}"] = self._scalar(limits, key, line)
        reserved = inside(service, "deploy", "resources", "reservations")
        found["deploy.resources.reservations.memory"] = self._scalar(reserved, "memory", line)
        for name in inside(service, "ulimits"):
            hard, soft = self._ulimit(service, name, line)
            found[f"ulimits.{name}"], found[f"ulimits.{name}.soft"] = hard, soft
        return {key: text for key, text in found.items() if text is not None}

    def _devices(self, service: CommentedMap, line: int) -> Iterator[tuple[str, DeviceRequests]]:
        """Yield the keys that request devices, each with its requests."""
        if asked := service.get("gpus"):
            at = line_of(service, "gpus", line)
            requests = [self._device(item, "gpu", at) for item in sequence(asked)]
            every_gpu = DeviceRequest(capabilities=("gpu",), count="all")
            yield "gpus", DeviceRequests(tuple(requests) or (every_gpu,), at, self._path)
        reservations = inside(service, "deploy", "resources", "reservations")
        if devices := sequence(reservations.get("devices")):
            at = item_line(reservations["devices"], 0, line)
            requests = [self._device(item, "", at) for item in devices]
            key = "deploy.resources.reservations.devices"
            yield key, DeviceRequests(tuple(requests), at, self._path)

    def _device(self, item: Any, capability: str, line: int) -> DeviceRequest:
        entry = mapping(item)

        def texts(key: str) -> tuple[str, ...]:
            return tuple(self._filled(plain(one), line) for one in sequence(entry.get(key)))

        driver, count = (self._filled(plain(entry.get(key)), line) for key in ("driver", "count"))
        implied = (capability,) if capability else ()
        count = "all" if count == "-1" else count  # so Compose writes it
        return DeviceRequest(driver, texts("capabilities") or implied, count, texts("device_ids"))

    def _ports(self, service: CommentedMap, line: int) -> Iterator[LocatedValue]:
        value = service.get("ports")
        for index, item in enumerate(sequence(value)):
            at = item_line(value, index, line_of(service, "ports", line))
            if _protocol(item) not in ("", "tcp"):
                continue  # whoever listens by TCP has another port
            if isinstance(item, CommentedMap):
                address, port = (plain(item.get(key)) for key in ("host_ip", "published"))
                published = self._filled(f"{address}:{port}" if address else port, at)
            else:  # [ADDRESS:]HOST:CONTAINER[/PROTOCOL]; CONTAINER alone takes any free port
                published = self._filled(plain(item), at).partition("/")[0].rpartition(":")[0]
            for one in _ports_of(published):
                yield LocatedValue(one, at, one, self._path)

    def _ulimit(
        self, service: CommentedMap, name: Any, line: int
    ) -> tuple[LocatedValue | None, LocatedValue | None]:
        """Return the hard limit and the soft one."""
        asked = inside(service, "ulimits").get(name)
        if isinstance(asked, CommentedMap):
            hard, soft = (self._scalar(asked, key, line) for key in ("hard", "soft"))
            return hard or soft, soft or hard
        both = self._scalar(inside(service, "ulimits"), name, line)
        return both, both

    def _mounts(self, service: CommentedMap, line: int) -> dict[str, dict[str, str]]:
        """Return what is seen where: bind mounts by path, secrets and configs by name."""
        at = line_of(service, "volumes", line)
        return {
            "volumes": dict(self._binds(service, at)),
            "secrets": dict(self._names(service, "secrets", "/run/secrets/")),
            "configs": dict(self._names(service, "configs", "/")),
        }

    def _binds(self, service: CommentedMap, line: int) -> Iterator[tuple[str, str]]:
        for item in sequence(service.get("volumes")):
            if isinstance(item, CommentedMap):
                if item.get("type") == "bind":
                    source, target = plain(item.get("source")), plain(item.get("target"))
                    yield (
                        self._filled(target, line),
                        self._folder.resolve_path(self._filled(source, line)),
                    )
            else:
                source, _, rest = self._filled(plain(item), line).partition(":")
                if source.startswith(("/", ".", "~")):
                    yield rest.partition(":")[0], self._folder.resolve_path(source)

    def _names(self, service: CommentedMap, key: str, folder: str) -> Iterator[tuple[str, str]]:
        for item in sequence(service.get(key)):
            entry = mapping(item)
            name = plain(entry.get("source") if entry else item)
            target = plain(entry.get("target")) or name
            yield target if target.startswith("/") else folder + target, name

    def _scalar(self, mapping: CommentedMap, key: Any, line: int) -> LocatedValue | None:
        value = mapping.get(key)
        if value is None or isinstance(value, dict | list):
            return None
        at = line_of(mapping, key, line)
        return LocatedValue(self._filled(str(value), at), at, str(value), self._path)

    def _filled(self, text: str, line: int) -> str:
        try:
            value, missing = interpolate(text, self._variables)
        except BadVariableError as error:
            raise self._error(line, str(error)) from None
        self._unset += [UnsetVariable(variable, line, self._path) for variable in missing]
        return value

    def _error(self, line: int, problem: str) -> InputError:
        return InputError(f"{self._path}:{line}: {problem}", hint=NOT_JUDGED)


def _protocol(port: Any) -> str:
    if isinstance(port, CommentedMap):
        return plain(port.get("protocol"))
    return plain(port).partition("/")[2]


def _ports_of(published: str) -> list[str]:
    """Return each port of `[ADDRESS:]PORT` or `[ADDRESS:]FIRST-LAST`; none of an empty text."""
    address, colon, ports = published.rpartition(":")
    first, dash, last = ports.partition("-")
    if not (dash and first.isdecimal() and last.isdecimal() and int(last) < _PORTS):
        return [published] if published else []
    return [f"{address}{colon}{port}" for port in range(int(first), int(last) + 1)]
