"""Texts of others, shown without the characters that a terminal obeys or does not show."""

import unicodedata

# Controls, invisible formatting such as the direction of writing, halves of surrogate pairs (bytes
# of a name that is not UTF-8), line and paragraph separators.
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}

# Letters and marks that are blank all the same: Hangul fillers, an empty Braille cell.
_BLANK = set("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def escape_invisible(text: str) -> str:
    r"""Write each such character as Python would: `\x1b`, `\u202e`; lines and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_escape, text))


def is_invisible(character: str) -> bool:
    """Whether a character does not show, or does something else than show."""
    return unicodedata.category(character) in _INVISIBLE or character in _BLANK


def _escape(character: str) -> str:
    if character in "\n\t" or not is_invisible(character):
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as the file system gives it
        code -= 0xDC00
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )
