"""Describe the wrong values and unknown keys of a configuration, each with its source."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qca.core.config import PATTERN_RULES
from qca.core.errors import InputError
from qca.core.frozen import frozen_dataclass
from qca.core.validation import is_unknown_key

if TYPE_CHECKING:
    from pydantic import ValidationError

_HINT = "docs/configuration.md lists every key with its meaning and default."


@frozen_dataclass
class Fault:
    """A value or a key that the configuration refuses."""

    table: str
    key: str
    problem: str


def list_faults(table: str, model: type, error: "ValidationError") -> list[Fault]:
    """Return every fault of one table; the one for an unknown key suggests the most similar key."""
    keys = [field.name for field in fields(model)]
    return [
        Fault(table=table, key=key, problem=_describe_problem(found, key, keys))
        for found in error.errors(include_url=False)
        for key in [str(found["loc"][0])]
    ]


def _describe_problem(found: Mapping[str, Any], key: str, keys: list[str]) -> str:
    if is_unknown_key(found):
        nearest = get_close_matches(key, keys, n=1)
        return f"unknown key; did you mean {nearest[0]}?" if nearest else "unknown key"
    pattern = found.get("ctx", {}).get("pattern")
    problem = PATTERN_RULES.get(pattern) or found["msg"].removeprefix("Value error, ")
    return f"{problem} (given: {found['input']!r})"


def build_fault_error(located: Iterable[tuple[int, str, str]]) -> InputError:
    """Return one error for all faults, each given as its line, its source and its problem."""
    lines = dict.fromkeys(f"{source}: {problem}" for _, source, problem in sorted(located))
    return InputError("\n".join(lines), hint=_HINT)


def locate_key(path: Path, text: str, keys: tuple[str, ...]) -> str:
    """Return `file:line` of a table or of a key in a table; only the file if it is not found."""
    line = find_key_line(text, keys)
    return f"{path}:{line}" if line else str(path)


def find_key_line(text: str, keys: tuple[str, ...]) -> int:
    """Return the line of a key, 0 if it is not found: tomllib does not record positions."""
    table = keys[0] if len(keys) == 2 else ""
    current = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[+\s*([\w.-]+)\s*\]+", line)
        if header:
            current = header[1]
        if header and header[1] == keys[-1] and len(keys) == 1:
            return number
        if current == table and re.match(rf"\s*[\"']?{re.escape(keys[-1])}[\"']?\s*=", line):
            return number
    return 0
