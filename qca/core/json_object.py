"""JSON objects in files that anybody may have written."""

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
