"""Quote words of the commands that are printed."""

import os
import re
import shlex

from qca.core.visible import is_invisible

_SPECIAL = re.compile(r"[\\']")


def quote_word(word: str) -> str:
    r"""Quote a word for bash; one that would not show as it is, as `$'a\033b'`.

    Pasted from a terminal, the characters that those escapes stand for would be lost.
    """
    if not any(map(is_invisible, word)):
        return shlex.quote(word)
    return f"$'{''.join(map(_escape_character, word))}'"


def quote_path(path: str) -> str:
    """Quote a path for bash, so that no program takes it for an option.

    In a recorded host's facts the home folder is `~`, which bash expands only without quotes.
    """
    if path.startswith("~/"):
        return f"~/{quote_word(path[2:])}"
    return quote_word(f"./{path}" if path.startswith("-") else path)


def _escape_character(character: str) -> str:
    if is_invisible(character):
        # Three digits, so that a digit that follows is not taken for one of them.
        return "".join(f"\\{byte:03o}" for byte in os.fsencode(character))
    return _SPECIAL.sub(r"\\\g<0>", character)
