"""Read compose files from disk. Nothing in them is run, and nothing out of their folder is read.

What they refer to (`include`, `extends`, `env_file`) is followed within the
folder of the first. What was not followed is listed as unread, so that it is never taken
for fine. `.env` is read as by Compose.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from infra.compose_file.default_files import find_override
from infra.compose_file.old_documents import parse_documents
from infra.compose_file.dotenv import read_dotenv
from infra.compose_file.old_merge import merge
from infra.compose_file.model import ComposeFile
from infra.compose_file.references import Include, NotFollowedError
from infra.compose_file.scope import NO_SERVICES, NOT_JUDGED, Scope
from infra.compose_file.old_services import read_document
from qca.core.errors import InputError
from qca.core.units import KIB

# Compose files are a few kilobytes; a parser that keeps comments is slow on more.
_LARGEST_FILE = 256 * KIB

# Nobody chains more; a file that includes itself twice over would take for ever.
_LONGEST_TRAIL = 20
_MOST_FILES = 60


def read_compose_file(path: Path, environment: Mapping[str, str]) -> ComposeFile:
    """Read `path`; variables come from `environment`, then from the `.env` beside the file.

    Raises:
        InputError: if it cannot be read, is not YAML, or is no compose file; with the line.

    """
    return read_compose_files([path], environment)


def read_compose_files(paths: Sequence[Path], environment: Mapping[str, str]) -> ComposeFile:
    """Read files and merge them as Compose does with several `-f`: the later over the earlier.

    All paths in them are relative to the first one's folder, the project folder.

    Raises:
        InputError: as `read_compose_file`.

    """
    project = paths[0].parent
    dotenv = _read_dotenv(project / ".env")
    own = {"COMPOSE_PROJECT_NAME": _derive_project_name(project)}
    variables = {**own, **_add_dotenv(environment, dotenv)}
    references = _FolderReferences(_Reading(_resolve(project)), project, variables, ())
    found = merge([references.read(path) for path in paths])
    if {"include", "services"}.isdisjoint({*found.keys, *found.reset_keys}):
        raise InputError(f"{paths[0]}:1: {NO_SERVICES}", hint=NOT_JUDGED)
    hidden = found.hidden | _find_values(dotenv, environment)
    return replace(found, folder=str(project), hidden=hidden)


def read_project_file(file: ComposeFile, path: str) -> tuple[str, ...]:
    """Return the lines of another file of the project folder.

    Raises:
        NotFollowedError: it is not there, lies out of the folder or cannot be read.

    """
    reading = _Reading(_resolve(Path(file.folder)))
    return _FolderReferences(reading, Path(), {}, ()).read_lines(path)[1]


@dataclass
class _Reading:
    """One reading: its root, out of which nothing is followed, and how much was read."""

    root: Path
    files: int = 0


@dataclass(frozen=True)
class _FolderReferences:
    """The files of one folder. Satisfies `infra.compose_file.references.References`."""

    reading: _Reading
    folder: Path
    variables: Mapping[str, str]
    """Those of the environment, and beneath them those of an `.env`."""
    trail: tuple[tuple[str, str], ...]
    """What led here, file and service, so that a circle ends."""
    path: Path = Path()
    document: int = 0
    """Which document of that file is read: `extends` without a file stays within it."""

    def read(self, path: Path, only: str | None = None, within: int | None = None) -> ComposeFile:
        """Read one file of this folder, its documents merged, or `within` one of them."""
        text = _read_text(path)
        lines = tuple(text.splitlines())
        override = None if self.trail else find_override(path)
        files = [ComposeFile(str(path), (), {}, override=override, sources={str(path): lines})]
        for index, (document, reset_keys) in enumerate(parse_documents(path, text)):
            if within in (None, index):
                references = replace(self, path=path, document=index)
                scope = Scope(
                    str(path), lines, self.variables, references, document, only, reset_keys
                )
                files.append(read_document(scope))
        reset = tuple(key for file in files for key in file.reset_keys)
        return replace(merge(files), override=override, reset_keys=reset)

    def resolve_path(self, name: str) -> str:
        """Return the path of what a compose file names, be it there or not."""
        return str(self.folder / name)

    def read_lines(self, name: str) -> tuple[str, tuple[str, ...]]:
        """Return the path and the lines of a file that is named in a compose file."""
        path = self._find_file(name)
        try:
            return str(path), tuple(_read_text(path, errors="replace").splitlines())
        except InputError as error:
            raise NotFollowedError(error.message) from None

    def read_include(self, include: Include) -> ComposeFile:
        """Return files of `include`; their paths and their `.env` are those of their folder."""
        if not include.paths:
            raise NotFollowedError("it names no file")
        paths = [self._find_file(name) for name in include.paths]
        folder = paths[0].parent
        if include.project_directory:
            folder = self._stay_within(include.project_directory)
        dotenv = "\n".join("\n".join(self.read_lines(name)[1]) for name in include.env_files)
        if not include.env_files:
            dotenv = _read_dotenv(folder / ".env")
        variables = _add_dotenv(self.variables, dotenv)
        found = [self._step_into(path, folder, variables, "").read(path) for path in paths]
        merged = merge(found)
        return replace(merged, hidden=merged.hidden | _find_values(dotenv, self.variables))

    def read_extended(self, name: str, service: str) -> ComposeFile:
        """Return the service that is extended; its paths are relative to its own file."""
        path = self._find_file(name) if name else self.path
        folder = path.parent if name else self.folder
        within = None if name else self.document
        found = self._step_into(path, folder, self.variables, service).read(path, service, within)
        if not found.services:
            raise NotFollowedError(f"{path} has no service {service!r}")
        return found

    def _step_into(
        self, path: Path, folder: Path, environment: Mapping[str, str], service: str
    ) -> "_FolderReferences":
        step = (str(_resolve(path)), service)
        self.reading.files += 1
        if step in self.trail or len(self.trail) >= _LONGEST_TRAIL:
            raise NotFollowedError("it leads back to itself")
        if self.reading.files > _MOST_FILES:
            raise NotFollowedError(f"more than {_MOST_FILES} files")
        return _FolderReferences(self.reading, folder, environment, (*self.trail, step))

    def _find_file(self, name: str) -> Path:
        """Return the path of a file in the project folder, or say why it is not followed."""
        if not name:
            raise NotFollowedError("it names no file")
        if "://" in name or name.startswith("git@"):
            raise NotFollowedError(f"{name} lies on another machine", outside=True)
        path = self._stay_within(name)
        if not path.is_file():
            raise NotFollowedError(f"{path} is not there", missing=True)
        return path

    def _stay_within(self, name: str) -> Path:
        path = self.folder / name
        if not _resolve(path).is_relative_to(self.reading.root):
            raise NotFollowedError(f"{path} lies out of the folder", outside=True)
        return path


def _resolve(path: Path) -> Path:
    """Return the path with its links followed; where they run in a circle it is not there."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return Path("/nonexistent")


def _read_text(path: Path, errors: Literal["strict", "replace"] = "strict") -> str:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InputError(f"{path}: larger than 256 KiB", hint="That is no compose file.")
        return path.read_text(encoding="utf-8", errors=errors)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", hint="Check the path given to -f.") from None
    except UnicodeDecodeError:
        hint = "Save it as UTF-8. Compose takes UTF-16, too, which qca does not."
        raise InputError(f"{path}: not UTF-8 text", hint=hint) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: {reason}", hint="Check the path and its permissions.") from None


def _read_dotenv(path: Path) -> str:
    """Return the text of an `.env`, in whatever encoding; none where it cannot be read."""
    try:
        return _read_text(path, errors="replace")
    except InputError:
        return ""


def _derive_project_name(folder: Path) -> str:
    """Return the name that Compose makes of the folder's, and sets as a variable."""
    return re.sub(r"[^a-z0-9_-]", "", _resolve(folder).name.lower()).lstrip("_-")


def _add_dotenv(variables: Mapping[str, str], dotenv: str) -> dict[str, str]:
    """Return the variables with those of an `.env` that are not among them."""
    return {**read_dotenv(dotenv, variables), **variables}


def _find_values(dotenv: str, variables: Mapping[str, str]) -> frozenset[str]:
    return frozenset(read_dotenv(dotenv, variables).values())
