"""Read a compose file from disk. Nothing in it is run, and no other file is followed.

What it refers to (`include`, `extends`, `env_file`) is listed as unread, so that it is
never taken for fine. The one file beside it that is read is `.env`, as by Compose.
"""

from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent

from infra.doctor.compose_reader import NOT_JUDGED, Reader
from infra.doctor.composefile import ComposeFile
from infra.doctor.interpolate import read_dotenv
from qca.errors import InputError
from qca.units import KIB

# Compose files are a few kilobytes; a parser that keeps comments is slow on more.
_LARGEST_FILE = 256 * KIB

# Compose's own schema goes about ten levels deep; the parser's time grows with the square.
_DEEPEST = 50

_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""The names that Compose looks for, in its order of preference."""


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
    reader = Reader(str(path), text.splitlines(), variables, _override_of(path))
    return reader.file(document)


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
        raise InputError(f"{place}: not valid YAML: {problem}", hint=NOT_JUDGED) from None
    except Exception as error:  # on odd input ruamel ends with TypeError, RecursionError, ...
        problem = " ".join(str(error).split())
        raise InputError(f"{path}: not valid YAML: {problem}", hint=NOT_JUDGED) from None
    if not isinstance(document, CommentedMap):
        raise InputError(f"{path}:1: not a compose file: no `services` there", hint=NOT_JUDGED)
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
            raise InputError(f"{path}:{line}: nested too deeply", hint=NOT_JUDGED)
