"""Read the variables of an `.env` file, or of a service's `env_file`, as Compose does.

Values may refer to `variables` and to earlier variables in the file, except in single quotes. A
quoted value may span several lines.
https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/ and
https://github.com/compose-spec/compose-go (dotenv/parser.go)
"""

import re
from collections.abc import Iterator, Mapping

from infra.compose_file.syntax.interpolation import BadVariableError, interpolate

_SPACES = "\t\v\f\r \x85\xa0"
_EXPORT = re.compile(r"export[\t\v\f\r ]+")
_NAME = re.compile(r"[^=:\n]*")
_NAME_CHARACTER = re.compile(r"[\w.\-\[\]]")
_COMMENT = " #"

# The escapes in double quotes; interpolation later turns `$$` into a dollar sign.
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
    """A line that makes Compose refuse the file."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.line = line


def read_dotenv(text: str, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables of an `.env` file, up to the first line that Compose refuses."""
    found: dict[str, str] = {}
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
    """Yield name, value and line of each variable; a lone name gets its value from `variables`.

    Variables from earlier files (`earlier`) can be used too, until this file sets them.

    Raises:
        BadDotenvError: Compose refuses a line.

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
    """Reads a file from start to end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._counted = (0, 1)

    @property
    def line(self) -> int:
        """The current line number."""
        at, line = self._counted
        self._counted = (self._at, line + self._text.count("\n", at, self._at))
        return self._counted[1]

    def skip_to_statement(self) -> bool:
        """Skip whitespace and comments; return whether there is more to read."""
        while self._at < len(self._text):
            if self._text[self._at] == "#":
                self._at = self._find_line_end()
            elif self._text[self._at].isspace():
                self._at += 1
            else:
                return True
        return False

    def read_name(self) -> tuple[str, bool]:
        """Return a name, and whether a value follows it.

        A last line that has neither a newline nor an equals sign is a value without a name.
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
        """Return a value; anything after it on the line is a separate statement."""
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
        """Return the quoted text; a backslash escapes the quote and is otherwise kept."""
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
        for variable in missing:
            if variable.required is not None:
                problem = (
                    f"required variable {variable.name} is missing a value: {variable.required}"
                )
                raise BadDotenvError(problem, self.line)
        return value

    def _find_line_end(self) -> int:
        end = self._text.find("\n", self._at)
        return len(self._text) if end < 0 else end


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: _replace_escape(match[0]), text)


def _replace_escape(escape: str) -> str:
    """Return the character of an escape; return an invalid octal escape as written."""
    digits = escape[2:]
    if escape.startswith("\\0") and len(digits) == _OCTAL_DIGITS and int(digits, 8) < 256:
        return chr(int(digits, 8))
    return _ESCAPES.get(escape, escape)
