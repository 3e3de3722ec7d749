"""Quote words for the printed commands."""

import os
import re
import shlex

from qca.core.visible import is_invisible

_SPECIAL = re.compile(r"[\\']")


def quote_word(word: str) -> str:
    r"""Quote a word for bash; a word with invisible characters becomes `$'a\033b'`. Such characters
    would be lost when the word is copied from a terminal.
    """
    if not any(map(is_invisible, word)):
        return shlex.quote(word)
    return f"$'{''.join(map(_escape_character, word))}'"


def quote_path(path: str) -> str:
    """Quote a path for bash, so that no program mistakes it for an option.

    In the facts of a recorded host the home folder is `~`, which bash expands only if unquoted.
    """
    if path.startswith("~/"):
        return f"~/{quote_word(path[2:])}"
    return quote_word(f"./{path}" if path.startswith("-") else path)


def _escape_character(character: str) -> str:
    if is_invisible(character):
        # Always three digits, so that a following digit is not read as part of the escape.
        return "".join(f"\\{byte:03o}" for byte in os.fsencode(character))
    return _SPECIAL.sub(r"\\\g<0>", character)
