"""Split a command string into words as Compose does, which is not how a shell does it.

Splitting stops at an unquoted `;`, `&`, `|`, `<` or `>`, and the rest is dropped silently. In
double quotes a backslash is always removed, and a `#` does not start a comment.
https://github.com/mattn/go-shellwords
"""

from qca.core.frozen import frozen_dataclass

_SPACES = " \t\r\n"
_ENDS = ";&|<>"

INVALID_COMMAND = "invalid command line string"


@frozen_dataclass
class SplitCommand:
    """The words of a command, and the text after them that Compose drops."""

    words: tuple[str, ...]
    dropped: str = ""


def split_command(text: str) -> SplitCommand:
    """Return the words of a command string, and the rest that Compose drops.

    Raises:
        ValueError: a quote or a bracket is not closed, or nothing follows a backslash.

    """
    splitter = _Splitter()
    for index, character in enumerate(text):
        if not splitter.take(character):
            return SplitCommand(splitter.finish(), text[index:])
    return SplitCommand(splitter.finish())


class _Splitter:
    """The state of splitting between two characters."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._word: str | None = None
        self._quote = ""
        self._is_escaped = False

    def take(self, character: str) -> bool:
        """Process the next character; return whether the command continues."""
        if self._is_escaped:
            self._is_escaped = False
            self._add(character)
        elif character == "\\" and self._quote != "'":
            self._is_escaped = True
        elif character in _SPACES and not self._quote:
            self._end_word()
        elif character in ("'", '"') and self._quote in ("", character):
            self._quote = "" if self._quote else character
            self._add("")
        elif character in "`()":
            self._take_bracket(character)
        elif character in _ENDS and not self._quote:
            if character == ">" and self._word and self._word.isdecimal():
                self._word = None  # the number of a stream, as in `2>`
            return False
        else:
            self._add(character)
        return True

    def finish(self) -> tuple[str, ...]:
        """Return the words."""
        if self._is_escaped or self._quote:
            raise ValueError(INVALID_COMMAND)
        self._end_word()
        return tuple(self._words)

    def _take_bracket(self, character: str) -> None:
        """Process a character in backquotes or `$(...)`, which are kept unsplit."""
        if self._quote in ("'", '"'):
            pass
        elif character == "`" and self._quote != "(":
            self._quote = "" if self._quote else "`"
        elif character == "(" and self._quote != "`":
            if self._quote or not (self._word or "").endswith("$"):
                raise ValueError(INVALID_COMMAND)
            self._quote = "("
        elif character == ")" and self._quote != "`":
            self._quote = "" if self._quote else "("
        self._add(character)

    def _add(self, text: str) -> None:
        self._word = (self._word or "") + text

    def _end_word(self) -> None:
        if self._word is not None:
            self._words.append(self._word)
        self._word = None
