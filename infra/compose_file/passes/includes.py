"""Process `include`: read files as separate projects, and add their resources to this project."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from infra.compose_file.passes.reading import LONGEST_TRAIL, Reading, resolve
from infra.compose_file.references import NotFollowedError
from infra.compose_file.syntax.dotenv import read_dotenv
from infra.compose_file.yaml.tree import Items, Origin, Table, Value, to_text
from qca.core.frozen import frozen_dataclass

_KEYS = {"env_file", "path", "project_directory"}
# From this version on, including a file twice is not a conflict: Compose keeps the first copy.
_REPEATED_INCLUDE = (5,)
_RESOURCES = ("services", "volumes", "networks", "secrets", "configs", "models")


@frozen_dataclass
class Found:
    """Included files, and their settings."""

    paths: list[Path]
    folder: Path
    """The folder that their paths are relative to."""
    variables: Mapping[str, str]


@frozen_dataclass
class Include:
    """One entry of `include`: files to merge, and their settings."""

    names: tuple[str, ...]
    project_directory: str = ""
    env_files: tuple[str, ...] = ()
    """The files to read instead of the `.env` in their folder."""

    def find(
        self,
        reading: Reading,
        folder: Path,
        variables: Mapping[str, str],
        trail: tuple[Path, ...],
    ) -> Found:
        """Return the files.

        Raises:
            NotFollowedError: a file is missing, outside the allowed folders, or includes this one.

        """
        if not self.names:
            raise NotFollowedError("it does not name a file")
        paths = [reading.find_file(name, folder) for name in self.names]
        if len(trail) > LONGEST_TRAIL:
            raise NotFollowedError(f"more than {LONGEST_TRAIL} files include each other")
        if resolve(paths[0]) in map(resolve, trail):
            names = ", which includes ".join(map(str, (*trail, paths[0])))
            raise NotFollowedError(f"it includes itself: {names}", circular=True)
        for _ in paths:
            reading.count_file()
        home = paths[0].parent
        if self.project_directory:
            home = reading.stay_within(self.project_directory, folder)
        return Found(paths, home, self._read_variables(reading, folder, home, variables))

    def _read_variables(
        self, reading: Reading, folder: Path, home: Path, variables: Mapping[str, str]
    ) -> dict[str, str]:
        """Return the variables, with those of the `.env` files as defaults."""
        if self.env_files:
            text = "\n".join(reading.read_file(name, folder)[1] for name in self.env_files)
        else:
            text = reading.read_dotenv(home / ".env", variables)
        found = read_dotenv(text, variables)
        reading.hidden.update(found.values())
        return {**found, **variables}


def read_includes(
    reading: Reading, entries: Value, origin: Origin
) -> Iterator[tuple[Include, Origin]]:
    """Yield the entries of `include`.

    An entry with a key from a later version of Compose is not followed.
    """
    if entries is None:
        return
    if not isinstance(entries, Items):
        reading.refuse("`include` must be a list", origin)
        return
    for entry, at in entries.entries():
        if isinstance(entry, Table):
            if unknown := set(entry) - _KEYS:
                error = NotFollowedError(f"it has the key {min(unknown)!r}", outside=True)
                reading.note_unread("`include`", at, error)
                continue
            texts = (_read_texts(entry.get(key)) for key in ("path", "env_file"))
            names, env_files = texts
            yield Include(names, to_text(entry.get("project_directory")), env_files), at
        else:
            yield Include(_read_texts(entry)), at


def _read_texts(value: Value) -> tuple[str, ...]:
    items = value if isinstance(value, Items) else [value]
    return tuple(to_text(item) for item in items if to_text(item))


def _is_repeated(first: Origin, again: Origin) -> bool:
    """Return whether both come from the same line of one file, which is included twice."""
    return (first.source.path, first.line) == (again.source.path, again.line)


def import_resources(brought: Table, own: Table, origin: Origin, reading: Reading) -> None:
    """Add the resources of an included project; resources that already exist must be identical."""
    takes_repeated = reading.version is None or reading.version >= _REPEATED_INCLUDE
    for kind in _RESOURCES:
        there = brought.get(kind)
        if not isinstance(there, Table):
            continue
        here = own.get(kind)
        here = here.copy() if isinstance(here, Table) else Table()
        for name, value, at in there.entries():
            if (
                name in here
                and here[name] != value
                and not (_is_repeated(here.origins[name], at) and takes_repeated)
            ):
                reading.refuse(f"{kind}.{name} conflicts with imported resource", origin)
            elif name not in here:
                here.put(name, value, at)
        own.put(kind, here, own.origins.get(kind, origin))
