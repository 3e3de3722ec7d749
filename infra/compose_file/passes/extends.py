"""Process `extends`: merge a service over another one from its own document or another file."""

from pathlib import Path
from typing import Protocol

from infra.compose_file.model import UNCERTAIN_TAGS, UNREAD_EXTENDS
from infra.compose_file.passes.merge import merge_services
from infra.compose_file.passes.reading import Reading
from infra.compose_file.references import NotFollowedError
from infra.compose_file.yaml.merge_tags import clear_keys
from infra.compose_file.yaml.tree import Origin, Table, Value, to_table, to_text
from qca.core.frozen import frozen_dataclass

# Real files have much shorter chains, and Python's stack could not hold much longer ones.
_LONGEST_CHAIN = 100


@frozen_dataclass
class ExtendedFile:
    """A file whose services can be extended, and the keys that its merge tags clear."""

    path: str
    services: Table
    reset_keys: tuple[str, ...]


class ReadExtended(Protocol):
    """A function that reads a file with an extended service; the file's paths are relative to the
    file's own folder."""

    def __call__(self, path: Path) -> ExtendedFile:
        """Return the file, or raise NotFollowedError."""
        ...


@frozen_dataclass
class _Place:
    """A file in which services are looked up, its folder, and its cleared keys."""

    file: ExtendedFile
    folder: Path
    reset_keys: tuple[str, ...]


def apply_extends(reading: Reading, file: ExtendedFile, folder: Path, read: ReadExtended) -> Table:
    """Return the services of a document, each merged over the service that it extends."""
    walk = _Extender(reading, read)
    place = _Place(file, folder, file.reset_keys)
    services = file.services.copy()
    for name, value, origin in file.services.entries():
        services.put(name, walk.extend(name, value, place, ()), origin)
    return services


class _Extender:
    """Follows the `extends` chains of one document."""

    def __init__(self, reading: Reading, read: ReadExtended) -> None:
        self._reading = reading
        self._read = read

    def extend(
        self, name: str, service: Value, place: _Place, trail: tuple[tuple[str, str], ...]
    ) -> Value:
        """Return a service, merged over the service that it extends, if any."""
        if not isinstance(service, Table) or "extends" not in service:
            return service
        own, origin = service.copy(), service.origins["extends"]
        own.drop("extends")
        base_name, file = _read_reference(service["extends"])
        if self._is_uncertain(name, base_name, file, place, is_first=not trail):
            own.marks |= {UNCERTAIN_TAGS}
        if not file and _has_uncertain_tags(base_name, place):
            self._note_uncertainty(name, base_name, origin)
        step = (place.file.path, name)
        if step in trail:
            self._refuse_circle((*trail, step), origin)
            return own
        try:
            if len(trail) > _LONGEST_CHAIN:
                raise NotFollowedError(f"`extends` chains more than {_LONGEST_CHAIN} services")
            there = self._find_place(file, place) if file else place
        except NotFollowedError as error:
            self._note_unread(name, file, origin, error)
            own.marks |= {UNREAD_EXTENDS}
            return own
        if base_name not in there.file.services:
            self._refuse_missing(name, base_name, file, place, origin)
            return own
        base = self.extend(base_name, there.file.services[base_name], there, (*trail, step))
        if not isinstance(base, Table):
            return own
        merged, refusals = merge_services(_clear(base, name, there.reset_keys), own, name)
        self._reading.refusals += refusals
        return merged

    def _is_uncertain(
        self, name: str, base: str, file: str, place: _Place, *, is_first: bool
    ) -> bool:
        """Return whether Compose may lose a service's merge tags anywhere in the chain."""
        if not file and _has_uncertain_tags(base, place):
            return True
        return is_first and _has_uncertain_tags(name, place) and _is_extended_here(name, place)

    def _note_uncertainty(self, name: str, base: str, origin: Origin) -> None:
        why = (
            f"service {base}, which it extends, has `!reset` or `!override` and itself extends "
            f"another service; Compose 2.40 applies or loses those tags at random"
        )
        what = f"`extends` of service {name}"
        self._reading.note_unread(what, origin, NotFollowedError(why), is_nondeterministic=True)

    def _find_place(self, file: str, place: _Place) -> _Place:
        path = self._reading.find_file(file, place.folder)
        extended = self._read(path)
        return _Place(extended, path.parent, (*place.reset_keys, *extended.reset_keys))

    def _note_unread(self, name: str, file: str, origin: Origin, error: NotFollowedError) -> None:
        self._reading.note_unread(f"`extends` of service {name}", origin, error)
        if error.missing:
            self._reading.refuse(f"open {file}: no such file or directory", origin)

    def _refuse_missing(
        self, name: str, base: str, file: str, place: _Place, origin: Origin
    ) -> None:
        where = f" in {file}" if file else ""
        message = f'cannot extend service "{name}" in {place.file.path}: service "{base}" not found'
        self._reading.refuse(f"{message}{where}", origin)

    def _refuse_circle(self, steps: tuple[tuple[str, str], ...], origin: Origin) -> None:
        names = ", which extends ".join(f"{name} in {file}" for file, name in steps)
        self._reading.refuse(f"Circular reference: {names}", origin)


def _has_uncertain_tags(name: str, place: _Place) -> bool:
    """Return whether Compose 2.40 applies a service's tags only by chance.

    If another service in the file extends this one, and Compose reaches this one through it,
    Compose loses the tags when it follows this service's own `extends`.
    """
    prefix = f"services.{name}."
    is_tagged = any(key.startswith(prefix) for key in place.file.reset_keys)
    return is_tagged and "extends" in to_table(place.file.services.get(name))


def _is_extended_here(name: str, place: _Place) -> bool:
    extended = [to_table(service).get("extends") for service in place.file.services.values()]
    return (name, "") in [_read_reference(file) for file in extended]


def _read_reference(extends: Value) -> tuple[str, str]:
    """Return the name of the base service and its file, which is empty if both are in one file."""
    if isinstance(extends, Table):
        return to_text(extends.get("service")), to_text(extends.get("file"))
    return to_text(extends), ""


def _clear(base: Table, name: str, reset_keys: tuple[str, ...]) -> Table:
    """Return the base without the keys that the extending service's tags clear."""
    prefix = f"services.{name}."
    keys = (key.removeprefix(prefix) for key in reset_keys if key.startswith(prefix))
    return to_table(clear_keys(base, tuple(keys)))
