"""What the values of one document are read with: its variables, its lines and its references."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml.comments import CommentedMap

from infra.compose_file.interpolation import BadVariableError, interpolate
from infra.compose_file.model import LocatedValue, UnreadReference, UnsetVariable
from infra.compose_file.references import NotFollowedError, References
from infra.compose_file.old_yaml_nodes import find_line
from qca.core.errors import InputError

NO_SERVICES = "not a compose file: no `services` there"
NOT_JUDGED = "Nothing in the file was judged, and nothing in it was changed."


@dataclass
class Notes:
    """What comes to light while a document is read."""

    unset: list[UnsetVariable] = field(default_factory=list)
    unread: list[UnreadReference] = field(default_factory=list)
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Scope:
    """One document of a file, and what it is read with."""

    path: str
    lines: tuple[str, ...]
    variables: Mapping[str, str]
    references: References
    document: CommentedMap
    only: str | None = None
    """The one service that is read, of a file that another extends."""
    reset_keys: tuple[str, ...] = ()
    """The keys that the document's merge tags take away from what it is laid over."""
    notes: Notes = field(default_factory=Notes)


def interpolate_at(scope: Scope, text: str, line: int) -> str:
    """Return a text with its variables filled in; those without a value are noted.

    Raises:
        InputError: it has a form that Compose rejects.

    """
    try:
        value, missing = interpolate(text, scope.variables)
    except BadVariableError as error:
        raise make_error(scope, line, str(error)) from None
    scope.notes.unset += [UnsetVariable(variable, line, scope.path) for variable in missing]
    return value


def read_scalar(
    scope: Scope, mapping: CommentedMap, key: Any, default_line: int
) -> LocatedValue | None:
    """Return the single value of a key; None where there is none, or a collection."""
    value = mapping.get(key)
    if value is None or isinstance(value, dict | list):
        return None
    line = find_line(mapping, key, default_line)
    return LocatedValue(interpolate_at(scope, str(value), line), line, str(value), scope.path)


def note_unread(scope: Scope, what: str, line: int, error: NotFollowedError, **more: Any) -> None:
    """Note a reference that was not followed, and why."""
    reference = UnreadReference(what, line, scope.path, str(error), error.outside, **more)
    scope.notes.unread.append(reference)


def make_error(scope: Scope, line: int, problem: str) -> InputError:
    """Return the error that names the file and the line."""
    return InputError(f"{scope.path}:{line}: {problem}", hint=NOT_JUDGED)
