"""The variables of an `.env` file, or of a service's `env_file`, as Compose reads them."""

import re
from collections.abc import Iterator, Mapping

from infra.compose_file.interpolation import BadVariableError, interpolate

_NAME_AND_SIGN = re.compile(
    r"[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][\w.-]*)[ \t]*(?P<sign>[=:][ \t]*)?"
)
_QUOTED = {
    "'": re.compile(r"'([^']*)'"),
    '"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL),
}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "$": "$$"}


def read_dotenv(text: str, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables of an `.env` file; a line that is not an assignment is passed over."""
    return {name: value for name, value, _ in parse_assignments(text, variables)}


def parse_assignments(
    text: str, variables: Mapping[str, str] | None = None
) -> Iterator[tuple[str, str, int]]:
    """Yield name, value and line of each variable of an `.env` file, as Compose reads it.

    A name alone takes its value from `variables`. Values may hold variables, those of
    `variables` and those further up in the file, unless they are in single quotes. A quoted
    value may run over several lines.
    https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/
    """
    text = text.removeprefix("\ufeff")
    known = dict(variables or {})
    at, line = 0, 1
    while at < len(text):
        assignment = _NAME_AND_SIGN.match(text, at)
        begin = at if assignment is None else assignment.end()
        quoted = None
        if assignment and assignment["sign"] and text[begin : begin + 1] in _QUOTED:
            quoted = _QUOTED[text[begin]].match(text, begin)
            if quoted is None:
                return  # Compose does not take the file
        end = _find_end_of_line(text, quoted.end() if quoted else at)
        if assignment is not None:
            value = _read_value(assignment, quoted, text[begin:end], known)
            if value is not None:
                known.setdefault(assignment["name"], value)
                yield assignment["name"], value, line
        line += text.count("\n", at, end + 1)
        at = end + 1


def _find_end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _read_value(
    assignment: re.Match[str],
    quoted: re.Match[str] | None,
    rest: str,
    variables: Mapping[str, str],
) -> str | None:
    if quoted is not None and quoted[0].startswith("'"):
        return quoted[1]
    bare = re.split(r"(?:^|\s)#", rest, maxsplit=1)[0].strip()
    if not assignment["sign"]:
        return variables.get(assignment["name"]) if not bare else None
    written = bare
    if quoted is not None:
        written = re.sub(
            r"\\(.)", lambda one: _ESCAPES.get(one[1], one[1]), quoted[1], flags=re.DOTALL
        )
    try:
        return interpolate(written, variables)[0]
    except BadVariableError:
        return written  # nor is such a file taken; the doctor has Compose say so
