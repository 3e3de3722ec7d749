"""What Compose itself makes of the files: `docker compose config`, beside our own reading.

`config` merges and checks, and runs nothing. It would follow the files anywhere, so it is
asked only where our own reading found nothing that lies out of their folder. Values are
Compose's, line numbers are those of our reading.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap

from infra.compose_file.model import BY_CHANCE, ComposeFile, LocatedValue, Service
from infra.compose_file.references import Include, NotFollowedError
from infra.compose_file.services import Reader
from infra.host.deadline import Deadline, ProbeError
from infra.host.facts.host import ComposePlugin
from qca.core.errors import InputError
from qca.core.units import parse_size

# It takes a quarter of a second; a file cannot make it take long.
_SECONDS = 10

# Shorter ones would mask parts of words.
_SHORTEST_SECRET = 4


def confirm(
    file: ComposeFile, paths: Iterable[Path], plugin: ComposePlugin, environment: Mapping[str, str]
) -> ComposeFile:
    """Return the file with the values that Compose reads in it, or with its refusal.

    Where Compose cannot be asked, our own reading stays.
    """
    if any(unread.outside for unread in file.unread):
        return replace(file, not_asked="it would follow the file out of its folder")
    names = [word for path in paths for word in ("-f", str(path.absolute()))]
    folder = ["--project-directory", str(Path(file.folder).absolute())]
    words = [plugin.docker_client, "compose", *names, *folder, "--profile", "*"]
    try:
        with Deadline(_SECONDS) as limit:
            said = limit.run([*words, "config", "--format", "json"], env=dict(environment))
        if said.exit_code:
            return replace(file, refused=_without_secrets(said.error_line, file))
        services = _services(json.loads(said.stdout), file.path)
    except (ProbeError, ValueError, RecursionError, InputError) as error:
        return replace(file, not_asked=f"its answer is not understood: {error}")
    return _with(file, services, f"Compose {plugin.version}")


def _without_secrets(text: str, file: ComposeFile) -> str:
    """Mask what `.env` files and those of `env_file` set, should Compose have repeated it."""
    values = set(file.hidden)
    values |= {one.value for service in file.services for one in service.environment.values()}
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, "***") if len(value) >= _SHORTEST_SECRET else text
    return text


def _services(document: Any, path: str) -> tuple[Service, ...]:
    if not isinstance(document, dict) or "services" not in document:
        raise ValueError("no JSON object with services")
    return Reader(path, (), {}, _Nowhere()).file(_commented(document)).services


class _Nowhere:
    """Compose's answer refers to no other file."""

    def place(self, name: str) -> str:
        return name

    def lines(self, name: str) -> tuple[str, tuple[str, ...]]:
        raise NotFollowedError(name)

    def included(self, include: Include) -> ComposeFile:
        raise NotFollowedError(*include.paths)

    def extended(self, name: str, service: str) -> ComposeFile:
        raise NotFollowedError(name)


def _commented(value: Any) -> Any:
    """Turn JSON into what the YAML parser gives."""
    if isinstance(value, dict):
        return CommentedMap((key, _commented(one)) for key, one in value.items())
    return [_commented(one) for one in value] if isinstance(value, list) else value


def _with(file: ComposeFile, services: tuple[Service, ...], by: str) -> ComposeFile:
    told = {service.name: service for service in services}
    read = {service.name for service in file.services}
    return replace(
        file,
        services=tuple(
            _placed(told[own.name], own) if own.name in told else own for own in file.services
        )
        + tuple(service for service in services if service.name not in read),
        unread=tuple(one for one in file.unread if one.by_chance),
        merged_by=by,
        refused="",
    )


def _placed(told: Service, own: Service) -> Service:
    """Return what Compose told of a service, with the places where we read it."""

    def place(
        text: LocatedValue | None, near: Iterable[LocatedValue | None]
    ) -> LocatedValue | None:
        if text is None:
            return None
        same = (one for one in near if one is not None and _same(one.value, text.value))
        return next(same, LocatedValue(text.value, own.line, text.value, own.file))

    def words(
        texts: tuple[LocatedValue, ...], near: tuple[LocatedValue, ...]
    ) -> tuple[LocatedValue, ...]:
        left, found = list(near), []
        for text in texts:
            match = place(text, left)
            assert match is not None
            if match in left:
                left.remove(match)
            found.append(match)
        return tuple(found)

    def values(
        texts: Mapping[str, LocatedValue], near: Mapping[str, LocatedValue]
    ) -> dict[str, LocatedValue]:
        def value(text: LocatedValue, there: LocatedValue | None) -> LocatedValue:
            if there is None:
                return place(text, ()) or text
            return there if _same(there.value, text.value) else replace(there, value=text.value)

        return {key: value(text, near.get(key)) for key, text in texts.items()}

    return replace(
        own,
        settings=values(told.settings, own.settings),
        entrypoint=words(told.entrypoint, own.entrypoint),
        arguments=words(told.arguments, own.arguments),
        variables=values(told.variables, own.environment),
        env_file_values={},
        ports=words(told.ports, own.ports),
        profiles=told.profiles,
        mounts=told.mounts,
        unread_sources=tuple(key for key in own.unread_sources if key == BY_CHANCE),
    )


def _same(one: str, other: str) -> bool:
    """Whether two texts mean the same: Compose writes 2g as 2147483648, and 1.50 as 1.5."""
    if one == other:
        return True
    try:
        return parse_size(one) == parse_size(other)
    except InputError:
        return False
