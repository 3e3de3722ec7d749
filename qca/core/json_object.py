"""Read JSON objects from files that any program may have written, and format them for output."""

import json
from typing import Any, cast


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Return the JSON object in a text.

    Raises:
        ValueError: the text is not a JSON object, or is nested too deep.

    """
    try:
        document: object = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    return cast("dict[str, Any]", document)  # a JSON object's keys are strings


def format_object(document: dict[str, Any]) -> str:
    r"""Return the object as indented JSON that can be encoded as UTF-8.

    A byte of a file name that is not UTF-8 becomes `\udcXX`, which Python reads back as that byte.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return text.encode(errors="backslashreplace").decode()
