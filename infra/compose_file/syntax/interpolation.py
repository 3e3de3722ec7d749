"""Fill in the variables of a Compose file as Compose does, and report the missing ones.

The forms: `$X`, `${X}`, `${X-default}`, `${X:-default}`, `${X?message}`, `${X:?message}`,
`${X+other}`, `${X:+other}`; `$$` is a dollar sign. With a colon, empty counts as unset.
https://docs.docker.com/reference/compose-file/interpolation/
"""

import re
from collections.abc import Mapping

from qca.core.frozen import frozen_dataclass

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-?+]")

# Defaults can contain variables. No real file nests this deep, and the limit bounds the stack.
_DEEPEST = 20


@frozen_dataclass
class MissingVariable:
    """A variable that is not set."""

    name: str
    required: str | None
    """The error message for a required variable; None if Compose uses an empty value."""


class BadVariableError(ValueError):
    """A `$` expression that Compose refuses."""


def interpolate(text: str, variables: Mapping[str, str]) -> tuple[str, tuple[MissingVariable, ...]]:
    """Return `text` with its variables filled in, and the variables without a value.

    Raises:
        BadVariableError: Compose refuses an expression.

    """
    missing: list[MissingVariable] = []
    return _fill(text, variables, missing, 0), tuple(missing)


def _fill(
    text: str, variables: Mapping[str, str], missing: list[MissingVariable], depth: int
) -> str:
    if depth > _DEEPEST:
        raise BadVariableError("variables nested too deeply")
    parts: list[str] = []
    at = 0
    while (dollar := text.find("$", at)) >= 0:
        parts.append(text[at:dollar])
        value, at = _fill_variable(text, dollar, variables, missing, depth)
        parts.append(value)
    return "".join([*parts, text[at:]])


def _fill_variable(
    text: str, dollar: int, variables: Mapping[str, str], missing: list[MissingVariable], depth: int
) -> tuple[str, int]:
    """Return the value of the expression at `dollar`, and the position after it."""
    if text.startswith("$$", dollar):
        return "$", dollar + 2
    if text.startswith("${", dollar):
        end = _find_closing_brace(text, dollar + 2)
        return _fill_braced(text[dollar + 2 : end], variables, missing, depth), end + 1
    name = _NAME.match(text, dollar + 1)
    if name is None:
        return "$", dollar + 1  # it does not start a variable, and is kept
    return _fill_plain(name[0], variables, missing), name.end()


def _fill_braced(
    body: str, variables: Mapping[str, str], missing: list[MissingVariable], depth: int
) -> str:
    name = _NAME.match(body)
    if name is None:
        raise BadVariableError(f"no variable name in ${{{body}}}")
    rest = body[name.end() :]
    if not rest:
        return _fill_plain(name[0], variables, missing)
    operator = _OPERATOR.match(rest)
    if operator is None:
        raise BadVariableError(f"${{{body}}} is not a variable syntax that Compose supports")
    value = variables.get(name[0])
    is_set = bool(value) if operator[0].startswith(":") else value is not None
    argument = rest[operator.end() :]
    match operator[0][-1]:
        case "-":
            return value or "" if is_set else _fill(argument, variables, missing, depth + 1)
        case "+":
            return _fill(argument, variables, missing, depth + 1) if is_set else ""
        case _:
            if not is_set:
                missing.append(MissingVariable(name[0], _fill(argument, variables, [], depth + 1)))
            return value or ""


def _fill_plain(name: str, variables: Mapping[str, str], missing: list[MissingVariable]) -> str:
    if name not in variables:
        missing.append(MissingVariable(name, None))
    return variables.get(name, "")


def _find_closing_brace(text: str, start: int) -> int:
    depth = 1
    for index in range(start, len(text)):
        if text.startswith("${", index):
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
    raise BadVariableError(f"{text!r} opens a variable with ${{ but does not close it")
