"""Validate a project against Compose's schema: its keys, and the types of their values.

`infra/data/compose-spec.json` is the schema that the newest Compose embeds (infra/data/README.md).
"""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from infra.compose_file.model import Refusal
from infra.compose_file.yaml.tree import Origin, Table, Value, to_items, to_table
from qca.core.json_object import is_array

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

_BRANCHES = ("oneOf", "anyOf", "allOf")


def check_schema(top: Table, origin: Origin) -> list[Refusal]:
    """Return a refusal for each value that does not follow the schema."""
    validator = _load_validator()
    found: dict[tuple[str, int], Refusal] = {}
    for error in validator.iter_errors(top):
        for cause in _find_causes(error):
            if _is_consequence(cause):
                continue
            refusal = _describe(cause, top, origin)
            found.setdefault((refusal.file, refusal.line), refusal)
    return list(found.values())


@cache
def _load_validator() -> "Validator":
    from jsonschema import (
        Draft202012Validator,
    )  # loading it takes a tenth of a second

    return Draft202012Validator(_load_schema())


@cache
def _load_schema() -> Any:
    return json.loads((files("infra") / "data" / "compose-spec.json").read_text())


def _find_causes(error: "ValidationError") -> Iterator["ValidationError"]:
    """Yield the errors of the schema branch that the value was meant for."""
    if error.validator not in _BRANCHES or not error.context:
        yield error
        return
    branches: dict[Any, list[ValidationError]] = {}
    for cause in error.context:
        branches.setdefault(cause.schema_path[0], []).append(cause)
    meant = [found for found in branches.values() if not any(map(_is_about_type, found))]
    if not meant:
        yield error
        return
    for cause in min(meant, key=len):
        yield from _find_causes(cause)


def _is_consequence(error: "ValidationError") -> bool:
    """Return whether the error reports only keys that the schema has, but whose value is wrong.

    An `allOf` branch evaluates no key at all if one of its values is wrong.
    """
    return error.validator == "unevaluatedProperties" and not _list_extra(error)


def _is_about_type(error: "ValidationError") -> bool:
    """Return whether the error means that its branch is for a different type of value."""
    return error.validator in ("type", "const", "enum") and not error.path


def _describe(error: "ValidationError", top: Table, origin: Origin) -> Refusal:
    steps = list(error.absolute_path)
    path, place = ".".join(map(str, steps)), _locate(top, steps, origin)
    if error.validator in ("additionalProperties", "unevaluatedProperties"):
        extra = _list_extra(error)
        table = error.instance
        if extra and isinstance(table, Table) and extra[0] in table.origins:
            place = table.origins[extra[0]]
        names = ", ".join(f"'{name}'" for name in extra)
        problem = f"additional properties {names} not allowed"
    elif error.validator == "required":
        missing = error.message.partition("'")[2].partition("'")[0]
        problem = f"missing property '{missing}'"
    elif types := _list_types(error):
        problem = f"must be {_add_article(types)}"
    elif error.validator == "enum":
        choices = (f"'{kind}'" for kind in _as_list(error.validator_value))
        problem = f"value must be one of {', '.join(choices)}"
    else:
        problem = _shorten(error.message)
    return Refusal.at(f"{path} {problem}".strip(), place)


def _list_extra(error: "ValidationError") -> list[str]:
    """Return the keys that the schema does not know, in the order of the file."""
    quoted = error.message.rpartition("(")[2]
    table: Any = error.instance
    return [key for key in table if repr(key) in quoted and not _is_declared(key, error.schema)]


def _is_declared(key: str, schema: Any) -> bool:
    """Return whether one of the definitions that a schema combines by `allOf` has the key."""
    definitions = _load_schema()["$defs"]
    combined = [definitions[one["$ref"].rpartition("/")[2]] for one in schema.get("allOf", ())]
    return any(key in one["properties"] or key.startswith("x-") for one in combined)


def _list_types(error: "ValidationError") -> str:
    """Return the allowed types of the value, with Compose's names for them."""
    found = [error] if error.validator == "type" else []
    if error.validator in _BRANCHES:
        found = [cause for cause in error.context or () if cause.validator == "type"]
    names = {name for cause in found for name in _as_list(cause.validator_value)}
    *most, last = sorted("mapping" if name == "object" else name for name in names) or [""]
    return f"{', '.join(most)} or {last}" if most else last


def _add_article(types: str) -> str:
    return f"{'an' if types[0] in 'aeiou' else 'a'} {types}"


def _as_list(value: Any) -> list[str]:
    return value if is_array(value) else [value]


def _shorten(message: str) -> str:
    """Return a message without the value at its start, which may be a whole tree or a secret."""
    for sign in (" is less than", " is greater than", " does not match", " has non-unique"):
        _, found, rest = message.rpartition(sign)
        if found:
            return f"value{found}{rest}"
    return "has a value that Compose does not accept"


def _locate(top: Table, steps: list[str | int], origin: Origin) -> Origin:
    """Return the origin of a value, or of its nearest parent that has one."""
    value: Value = top
    for step in steps:
        if isinstance(step, int):
            items = to_items(value)
            value, origin = items[step], items.origins[step]
        elif step in (table := to_table(value)):
            value, origin = table[step], table.origins[step]
    return origin
