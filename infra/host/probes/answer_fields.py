"""What another program or a library answered, each field of the kind that it should be.

By hand where pydantic would do it, since loading that takes longer than a host takes to answer.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def get_optional(answer: Mapping[str, Any], key: str, kind: type[T]) -> T | None:
    """Return a field that may be left out or null.

    Raises:
        TypeError: if it is of another kind.

    """
    found = answer.get(key)
    return None if found is None else _check_kind(found, key, kind)


def get_required(answer: Mapping[str, Any], key: str, kind: type[T]) -> T:
    """Return a field.

    Raises:
        LookupError: if it is not there.
        TypeError: if it is of another kind.

    """
    return _check_kind(answer[key], key, kind)


def parse_integer(found: Any, what: str, *, least: int = 0) -> int:
    """Return a whole number that is not smaller, and no larger than an int64 holds.

    Raises:
        TypeError or ValueError: if it is none.

    """
    number = _check_kind(found, what, int)
    if not least <= number < 2**63:
        raise ValueError(f"{what} is {number}")
    return number


def parse_texts(found: Iterable[Any] | None) -> tuple[str, ...]:
    """Return texts, none for what is not there.

    Raises:
        TypeError: if one of them is no text.

    """
    return tuple(parse_text(one) for one in found or ())


def parse_text(found: Any) -> str:
    """Return a text.

    Raises:
        TypeError: if it is none.

    """
    if not isinstance(found, str):
        raise TypeError(f"{found!r:.40} is no text")
    return found


def _check_kind(found: Any, key: str, kind: type[T]) -> T:
    # In Python a bool is an int; in an answer it is not.
    if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
        raise TypeError(f"{key} is {type(found).__name__}")
    return found
