"""Build the sed script that changes a line exactly as an edit does."""

import re

from infra.compose_file.line_edits import Edit

_SPECIAL = re.compile(r"([\\/.*^$\[\]])")
_SPECIAL_IN_REPLACEMENT = re.compile(r"([\\/&])")
_WORD_BREAKS = " \"',[\ufeff"


def build_sed_script(edit: Edit) -> str:
    """Return a script that contains only the changed words, not the rest of the line."""
    if not edit.new:
        return f"{edit.line}d"
    if edit.new[0] == edit.old:  # both lines keep the line ending, CR LF or LF
        return rf"{edit.line}s/\(\r*\)$/\1\n{_escape_replacement(edit.new[1])}\1/"
    old, new, occurrence = _find_changed_words(edit.old, edit.new[0])
    pattern, text = _SPECIAL.sub(r"\\\1", old), _escape_replacement(new)
    return f"{edit.line}s/{pattern}/{text}/{occurrence if occurrence > 1 else ''}"


def _escape_replacement(text: str) -> str:
    return _SPECIAL_IN_REPLACEMENT.sub(r"\\\1", text)


def _find_changed_words(old: str, new: str) -> tuple[str, str, int]:
    """Return the words that change, their replacement, and which of their occurrences changes."""
    start = _find_word_start(old, _count_common_prefix(old, new))
    rest = min(len(old), len(new)) - start
    end = min(rest, _count_common_prefix(old[::-1], new[::-1]))
    if end == len(old) - start:  # words were inserted: include the one before them
        start = _find_word_start(old, start - 1)
    if end == len(old) - start:  # there is no word before them: include the rest of the line
        end = 0
    while start not in (found := _find_occurrences(old[start : len(old) - end], old)):
        start = _find_word_start(old, start - 1)
    return old[start : len(old) - end], new[start : len(new) - end], found.index(start) + 1


def _find_occurrences(part: str, text: str) -> list[int]:
    """Return the positions at which sed finds a part; occurrences do not overlap."""
    return [match.start() for match in re.finditer(re.escape(part), text)]


def _find_word_start(text: str, at: int) -> int:
    return max(text.rfind(sign, 0, max(0, at)) for sign in _WORD_BREAKS) + 1


def _count_common_prefix(one: str, other: str) -> int:
    """Return the length of the common prefix of two texts."""
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
