"""JSON objects: those in files that anybody may have written, and those that commands print."""

import json
from typing import Any


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Return the JSON object that a text is.

    Raises:
        ValueError: it is none, or is nested too deep to be one of ours.

    """
    try:
        document = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    return document


def format_object(document: dict[str, Any]) -> str:
    r"""Return the object as indented JSON that can be written as UTF-8.

    A byte of a file's name that is not UTF-8 becomes `\udcXX`, as Python reads it back.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return text.encode(errors="backslashreplace").decode()
