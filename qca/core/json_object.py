"""Read JSON objects from files that any program may have written, and format them for output."""

import json
from typing import Any, TypeGuard


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Return the JSON object in a string.

    Raises:
        ValueError: the text is not a JSON object, or is nested too deep.

    """
    try:
        document: object = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not is_object(document):
        raise ValueError("not a JSON object")
    return document


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Return whether a JSON value is an object, whose keys are always strings."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Return whether a JSON value is an array."""
    return isinstance(value, list)


def format_object(document: dict[str, Any]) -> str:
    r"""Return the object as indented JSON that can be encoded as UTF-8.

    A byte of a file name that is not UTF-8 becomes `\udcXX`, which Python reads back as that byte.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return text.encode(errors="backslashreplace").decode()
