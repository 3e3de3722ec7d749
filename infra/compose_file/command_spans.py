"""Locate the words of a command in the file, so that one of them can be replaced."""

import re
from collections.abc import Iterator, Sequence

from infra.compose_file.model import Span
from qca.core.frozen import frozen_dataclass

# A word as a shell splits it, with its quotes; `${X:-a b}` is one word.
_WORD = re.compile(
    r"""(?:\$\{[^{}'"]*\}|[^ \t\r\n'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+""", re.DOTALL
)

# The tag and the anchor that may precede a value.
_PROPERTIES = re.compile(r"(?:[!&][^\s,\[\]{}]*\s+)*")

# Separators between two words of a string: whitespace, YAML's quotes, an escaped line break.
_BETWEEN = re.compile(r"""(?:[ \t"']|\\[nrt]?)*""")


@frozen_dataclass
class WrittenWord:
    """A word of a string, as written, with its position."""

    text: str
    line: int
    place: Span | None
    """None if the position is unclear; `line` is then the nearest known line."""


def find_words(
    text: str, lines: Sequence[str], line: int, column: int, *, block: bool
) -> Iterator[WrittenWord]:
    """Yield the words of one string, which may span several lines.

    The string begins at `line` and `column`; the text of a `block` starts below that line.
    Each word is searched for after the previous one, since the same word may occur twice.
    """
    line, column = (line + 1, 0) if block else (line, _skip_properties(lines, line, column))
    lost = False
    for word in _WORD.findall(text):
        found = None if lost else _find_next(word, lines, line, column)
        if found is None:  # escaped or folded: later positions are unclear too
            lost = True
            yield WrittenWord(word, line, None)
        else:
            line, column = found[0], found[1] + len(word)
            yield WrittenWord(word, line, Span("word", found[1], column))


def locate_item(
    raw: str, lines: Sequence[str], line: int, column: int, *, brackets: bool
) -> Span | None:
    """Return the position of a list item; None if the file does not contain its text literally."""
    if not 0 < line <= len(lines):
        return None
    start = _skip_properties(lines, line, column)
    quote = lines[line - 1][start : start + 1]
    piece = f"{quote}{raw}{quote}" if quote in ("'", '"') else raw
    if not raw or not lines[line - 1].startswith(piece, start):
        return None
    before = lines[line - 1][:column].rstrip()
    if before.endswith(("[", ",")) if brackets else before.endswith("-"):
        return Span("in brackets" if brackets else "item", start, start + len(piece))
    inside = brackets and not before
    return Span("in brackets" if inside else "apart", start, start + len(piece))


def _skip_properties(lines: Sequence[str], line: int, column: int) -> int:
    match = _PROPERTIES.match(lines[line - 1], column) if 0 < line <= len(lines) else None
    return match.end() if match else column


def _find_next(word: str, lines: Sequence[str], line: int, column: int) -> tuple[int, int] | None:
    """Return the line and column of the word; None if anything but separators precedes it."""
    for number in range(line, len(lines) + 1):
        text, start = lines[number - 1], column if number == line else 0
        at = text.find(word, start)
        if at >= 0 and _BETWEEN.fullmatch(text, start, at):
            return number, at
        if not _BETWEEN.fullmatch(text, start):
            return None
    return None
