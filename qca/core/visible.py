"""In text from elsewhere, escape the characters that a terminal would interpret or not show."""

import unicodedata

# Control characters, invisible formatting such as text direction, surrogates (bytes of a name that
# is not UTF-8), line and paragraph separators.
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}

# Letters and marks that are blank: Hangul fillers, an empty Braille cell, and others.
_BLANK = set("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def escape_invisible(text: str) -> str:
    r"""Return text with invisible characters as Python escapes: `\x1b`. Keeps newlines and tabs."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_escape, text))


def is_invisible(character: str) -> bool:
    """Return whether a character is invisible or controls the terminal."""
    return unicodedata.category(character) in _INVISIBLE or character in _BLANK


def _escape(character: str) -> str:
    if character in "\n\t" or not is_invisible(character):
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as Python decodes a file name
        code -= 0xDC00
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )
