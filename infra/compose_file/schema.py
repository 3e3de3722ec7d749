"""Compose's own schema: which keys there are, and of what type their values are.

`infra/data/compose-spec.json` is what the newest Compose embeds (infra/data/README.md).
"""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from infra.compose_file.model import Refusal
from infra.compose_file.yaml_tree import Items, Origin, Table, Value

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

_BRANCHES = ("oneOf", "anyOf", "allOf")


def check_schema(top: Table, origin: Origin) -> list[Refusal]:
    """Return where the tree does not follow the schema, one refusal a place."""
    validator = _load_validator()
    found: dict[tuple[str, int], Refusal] = {}
    for error in validator.iter_errors(top):
        for cause in _find_causes(error):
            refusal = _describe(cause, top, origin)
            found.setdefault((refusal.file, refusal.line), refusal)
    return list(found.values())


@cache
def _load_validator() -> "Validator":
    from jsonschema import Draft202012Validator  # a tenth of a second that a plain run needs not

    schema = json.loads((files("infra") / "data" / "compose-spec.json").read_text())
    return Draft202012Validator(schema)


def _find_causes(error: "ValidationError") -> Iterator["ValidationError"]:
    """Yield what is wrong within the branch that the value was meant for."""
    if error.validator not in _BRANCHES or not error.context:
        yield error
        return
    branches: dict[Any, list[ValidationError]] = {}
    for one in error.context:
        branches.setdefault(one.schema_path[0], []).append(one)
    meant = [
        found for found in branches.values() if not any(_is_type_error(one, error) for one in found)
    ]
    if not meant:
        yield error
        return
    for one in min(meant, key=len):
        yield from _find_causes(one)


def _is_type_error(one: "ValidationError", parent: "ValidationError") -> bool:
    """Whether a branch is for another type of value altogether."""
    return (
        one.validator in ("type", "const", "enum")
        and one.path == type(one.path)()
        and (one.parent is parent)
    )


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
        problem = "value must be one of " + ", ".join(f"'{one}'" for one in error.validator_value)
    else:
        problem = _shorten(error.message)
    return Refusal(f"{path} {problem}".strip(), place.line, place.source.path)


def _list_extra(error: "ValidationError") -> list[str]:
    """Return the keys that the schema does not know, in their order."""
    quoted = error.message.rpartition("(")[2]
    return [key for key in error.instance if repr(key) in quoted]


def _list_types(error: "ValidationError") -> str:
    """Return the types that the value may have, as Compose names them."""
    if error.validator == "type":
        names = error.validator_value
    elif error.validator in _BRANCHES:
        names = [one.validator_value for one in error.context or () if one.validator == "type"]
        names = [name for one in names for name in (one if isinstance(one, list) else [one])]
    else:
        return ""
    named = sorted({"object": "mapping"}.get(one, one) for one in _as_list(names))
    return " or ".join(filter(None, (", ".join(named[:-1]), named[-1]))) if named else ""


def _add_article(types: str) -> str:
    return f"{'an' if types[0] in 'aeiou' else 'a'} {types}"


def _as_list(value: Any) -> list[str]:
    return list(dict.fromkeys(value)) if isinstance(value, list) else [value]


def _shorten(message: str) -> str:
    """Return a message without the value in front of it, which may be a whole tree, or secret."""
    for sign in (" is less than", " is greater than", " does not match", " has non-unique"):
        _, found, rest = message.rpartition(sign)
        if found:
            return f"value{found}{rest}"
    return "has a value that Compose does not take"


def _locate(top: Table, steps: list[str | int], origin: Origin) -> Origin:
    """Return where a value is written, or the nearest above it."""
    value: Value = top
    for step in steps:
        if (isinstance(value, Table) and isinstance(step, str) and step in value) or (
            isinstance(value, Items) and isinstance(step, int) and step < len(value)
        ):
            value, origin = value[step], value.origins[step]
        else:
            return origin
    return origin
