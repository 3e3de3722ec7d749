"""Read the answers of programs and libraries, and check the type of each field.

This is done by hand because importing pydantic takes longer than collecting the answers.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from qca.core.json_object import is_object

T = TypeVar("T")

# The types of fields that contain other values.
OBJECT: type[dict[str, Any]] = dict
ARRAY: type[list[Any]] = list


def get_optional(answer: Mapping[str, Any], key: str, kind: type[T]) -> T | None:
    """Return a field that may be missing or null.

    Raises:
        TypeError: it has another type.

    """
    found = answer.get(key)
    return None if found is None else _check_kind(found, key, kind)


def get_required(answer: Mapping[str, Any], key: str, kind: type[T]) -> T:
    """Return a field.

    Raises:
        LookupError: it is missing.
        TypeError: it has another type.

    """
    return _check_kind(answer[key], key, kind)


def parse_integer(found: Any, what: str, *, least: int = 0) -> int:
    """Return an integer that is at least `least` and fits in an int64.

    Raises:
        TypeError or ValueError: it is not such an integer.

    """
    number = _check_kind(found, what, int)
    if not least <= number < 2**63:
        raise ValueError(f"{what} is {number}")
    return number


def parse_texts(found: Iterable[Any] | None) -> tuple[str, ...]:
    """Return strings; an empty tuple for a missing field.

    Raises:
        TypeError: one of them is not a string.

    """
    return tuple(parse_text(text) for text in found or ())


def parse_text(found: Any) -> str:
    """Return a string.

    Raises:
        TypeError: it is not a string.

    """
    if not isinstance(found, str):
        raise TypeError(f"{found!r:.40} is not a string")
    return found


def require_object(found: Any) -> dict[str, Any]:
    """Return an object, such as an entry of a list.

    Raises:
        TypeError: it is not an object.

    """
    if not is_object(found):
        raise TypeError(f"{found!r:.40} is not an object")
    return found


def _check_kind(found: Any, key: str, kind: type[T]) -> T:
    # A bool is an int in Python, but not in an answer.
    if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
        raise TypeError(f"{key} is {type(found).__name__}")
    return found
