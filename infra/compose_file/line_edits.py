"""Edit single lines of a user's files: show the edits as a diff, apply them, and undo them."""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

from qca.core.atomic_files import write_atomically
from qca.core.errors import QcaError
from qca.core.frozen import frozen_dataclass
from qca.core.masking import mask_secrets

# A line's indentation and first key, which the diff shows along with the changed words.
_HEAD = re.compile(r"\s*(?:-\s+)*(?:[\"']?[\w.-]+[\"']?:\s+)?")
_WORD = re.compile(r"[\s\"',\[\]{}]+|[^\s\"',\[\]{}]+")
_MARKS = " \t\r\"',[]{}"
_UNCHANGED = "..."


@frozen_dataclass
class Edit:
    """A line of a file, and the lines that replace it; an empty list deletes it."""

    file: str
    line: int
    old: str
    new: tuple[str, ...]


def format_diff(edits: Sequence[Edit]) -> str:
    """Return the edits as a unified diff that omits context and unchanged words.

    Unchanged words may be passwords. Secrets in the changed words are masked.
    """
    parts: list[str] = []
    for edit in edits:
        old = _shorten(edit.old, "\n".join(edit.new))
        new = [old if line == edit.old else _shorten(line, edit.old) for line in edit.new]
        lines = difflib.unified_diff([old], new, edit.file, edit.file, "", "", 0, "")
        parts += [_number_hunk(line, edit, len(new)) for line in lines]
    return "\n".join(parts)


def _shorten(line: str, other: str) -> str:
    """Return the line's first key and the words that differ from the other line."""
    words, others = _WORD.findall(line), _WORD.findall(other)
    first, last = count_common_ends(words, others)
    match = _HEAD.match(line)
    head = match.end() if match else 0
    start = max(head, len("".join(words[:first])))
    end = max(start, len("".join(words[: len(words) - last])))
    before, after = (
        _UNCHANGED if part.strip(_MARKS) else "" for part in (line[head:start], line[end:])
    )
    parts = (before, line[start:end].strip(), after) if line[start:end].strip() else (_UNCHANGED,)
    return mask_secrets(line[:head] + " ".join(filter(None, parts)))


def count_common_ends(one: Sequence[str], other: Sequence[str]) -> tuple[int, int]:
    """Return how many items two sequences share at their start, and at the end of the rest."""
    first = _count_common(one, other)
    return first, _count_common(one[first:][::-1], other[first:][::-1])


def _count_common(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def _number_hunk(line: str, edit: Edit, count: int) -> str:
    if not line.startswith("@@"):
        return line
    return f"@@ -{edit.line} +{edit.line}{f',{count}' if count > 1 else ''} @@"


def apply_edits(edits: Sequence[Edit]) -> dict[Path, str]:
    """Apply the edits; return the previous text of each file.

    Raises:
        QcaError: a file has changed since it was checked; nothing was written.

    """
    before: dict[Path, str] = {}
    after: dict[Path, str] = {}
    # Edit from the last line to the first, because an edit may change the number of lines.
    for edit in sorted(edits, key=lambda edit: edit.line, reverse=True):
        path = Path(edit.file)
        text = after.get(path) or _read_text(path)
        before.setdefault(path, text)
        after[path] = _replace_line(text, edit)
    for path, text in after.items():
        _write_text(path, text)
    return before


def restore_files(before: dict[Path, str]) -> None:
    """Restore the previous text of the files."""
    for path, text in before.items():
        _write_text(path, text)


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise QcaError(f"{path} could not be read again: {error}") from None


def _replace_line(text: str, edit: Edit) -> str:
    lines = text.splitlines(keepends=True)
    line = lines[edit.line - 1] if edit.line <= len(lines) else ""
    ending = line[len(line.rstrip("\r\n")) :]
    if line.removesuffix(ending) != edit.old:
        raise QcaError(f"{edit.file}:{edit.line} has changed since it was read")
    lines[edit.line - 1] = (ending or "\n").join(edit.new) + ending if edit.new else ""
    return "".join(lines)


def _write_text(path: Path, text: str) -> None:
    """Write to the real path, so that a link remains a link; keep the mode."""
    place = path.resolve()
    write_atomically(place, text, mode=place.stat().st_mode & 0o7777)
