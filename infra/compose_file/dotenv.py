"""The variables of an `.env` file, or of a service's `env_file`, as Compose reads them.

Values may hold variables, those of `variables` and those further up in the file, unless they are
in single quotes. A quoted value may run over several lines.
https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/ and
https://github.com/compose-spec/compose-go (dotenv/parser.go)
"""

import re
from collections.abc import Iterator, Mapping

from infra.compose_file.interpolation import BadVariableError, interpolate

_SPACES = "\t\v\f\r \x85\xa0"
_EXPORT = re.compile(r"export[\t\v\f\r ]+")
_NAME = re.compile(r"[^=:\n]*")
_NAME_CHARACTER = re.compile(r"[\w.\-\[\]]")
_COMMENT = " #"

# What a backslash stands for in double quotes; `$$` is a dollar sign for the interpolation.
_ESCAPE = re.compile(r'\\(?:[abcfnrtv$"\\]|0\d{0,3})')
_ESCAPES = {
    "\\a": "\a",
    "\\b": "\b",
    "\\f": "\f",
    "\\n": "\n",
    "\\r": "\r",
    "\\t": "\t",
    "\\v": "\v",
    "\\$": "$$",
    '\\"': '"',
    "\\\\": "\\",
}
_OCTAL_DIGITS = 3


class BadDotenvError(ValueError):
    """A line that Compose does not take, and with it the file."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.line = line


def read_dotenv(text: str, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables of an `.env` file, up to the line that Compose does not take."""
    found = {}
    try:
        for name, value, _ in parse_assignments(text, variables):
            found[name] = value
    except BadDotenvError:
        pass
    return found


def parse_assignments(
    text: str,
    variables: Mapping[str, str] | None = None,
    earlier: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, str, int]]:
    """Yield name, value and line of each variable; a name alone has its value from `variables`.

    What `earlier` files set may be used too, as long as this one does not set it again.

    Raises:
        BadDotenvError: at a line that Compose does not take.

    """
    given = dict(variables or {})
    known = {**(earlier or {}), **given}
    reader = _Reader(text.removeprefix("\ufeff"))
    while reader.skip_to_statement():
        line = reader.line
        name, has_value = reader.read_name()
        if not has_value:
            if name in given:
                yield name, given[name], line
            continue
        value = reader.read_value(known)
        known[name] = given.get(name, value)
        yield name, value, line


class _Reader:
    """Reads a file from its begin to its end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._counted = (0, 1)

    @property
    def line(self) -> int:
        """The number of the line that is read."""
        at, line = self._counted
        self._counted = (self._at, line + self._text.count("\n", at, self._at))
        return self._counted[1]

    def skip_to_statement(self) -> bool:
        """Skip blanks and comments; return whether anything is left."""
        while self._at < len(self._text):
            if self._text[self._at] == "#":
                self._at = self._find_line_end()
            elif self._text[self._at].isspace():
                self._at += 1
            else:
                return True
        return False

    def read_name(self) -> tuple[str, bool]:
        """Return a name, and whether a value follows.

        On the last line, without an end and without a sign, there is a value without a name.
        """
        if match := _EXPORT.match(self._text, self._at):
            self._at = match.end()
        written = _NAME.match(self._text, self._at)
        text = written[0] if written else ""
        for character in text:
            if character not in _SPACES and not _NAME_CHARACTER.match(character):
                raise BadDotenvError(
                    f'unexpected character "{character}" in variable name', self.line
                )
        end = self._at + len(text)
        if end == len(self._text):
            return "", True
        name = text.rstrip()
        if " " in name:
            raise BadDotenvError("key cannot contain a space", self.line)
        has_value = self._text[end] != "\n"
        self._at = end + 1
        return name, has_value

    def read_value(self, variables: Mapping[str, str]) -> str:
        """Return a value; what follows it on the line is a statement of its own."""
        while self._text[self._at : self._at + 1] and self._text[self._at] in _SPACES:
            self._at += 1
        quote = self._text[self._at : self._at + 1]
        if quote in ("'", '"'):
            text = self._read_quoted(quote)
            return self._fill(_unescape(text), variables) if quote == '"' else text
        end = self._find_line_end()
        text = self._text[self._at : end].partition(_COMMENT)[0].rstrip()
        value = self._fill(text, variables)
        self._at = end
        return value

    def _read_quoted(self, quote: str) -> str:
        """Return what stands in quotes; a backslash takes the quote's meaning, and stays else."""
        parts: list[str] = []
        index = self._at + 1
        while index < len(self._text):
            character = self._text[index]
            if character == quote:
                self._at = index + 1
                return "".join(parts)
            if character == "\\":
                following = self._text[index + 1 : index + 2]
                parts.append(following if following == quote else character + following)
                index += 1
            else:
                parts.append(character)
            index += 1
        raise BadDotenvError("unterminated quoted value", self.line)

    def _fill(self, text: str, variables: Mapping[str, str]) -> str:
        try:
            value, missing = interpolate(text, variables)
        except BadVariableError as error:
            raise BadDotenvError(str(error), self.line) from None
        for one in missing:
            if one.required is not None:
                problem = f"required variable {one.name} is missing a value: {one.required}"
                raise BadDotenvError(problem, self.line)
        return value

    def _find_line_end(self) -> int:
        end = self._text.find("\n", self._at)
        return len(self._text) if end < 0 else end


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: _replace_escape(match[0]), text)


def _replace_escape(escape: str) -> str:
    """Return what an escape stands for; one of too few octal digits is none."""
    digits = escape[2:]
    if escape.startswith("\\0") and len(digits) == _OCTAL_DIGITS and int(digits, 8) < 256:
        return chr(int(digits, 8))
    return _ESCAPES.get(escape, escape)
