"""Changes of single lines in somebody's file: shown as a diff, made as a whole, taken back."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qca.core.atomic_files import write_atomically
from qca.core.errors import QcaError

# What a diff must not show, though it stands on a line that changes.
_SECRET = re.compile(
    r"(?P<name>(?:requirepass|masterauth|\w*password\w*)\s*[=: ]\s*)[^\s'\",\]]+", re.I
)


@dataclass(frozen=True)
class Edit:
    """One line of a file, and the lines that take its place."""

    file: str
    line: int
    old: str
    new: tuple[str, ...]


def format_diff(edits: Sequence[Edit]) -> str:
    """Return the edits as a unified diff without context, secrets masked."""
    parts = []
    for edit in edits:
        new = [mask_passwords(line) for line in edit.new]
        lines = difflib.unified_diff(
            [mask_passwords(edit.old)], new, edit.file, edit.file, "", "", 0, ""
        )
        parts += [_number_hunk(line, edit, len(new)) for line in lines]
    return "\n".join(parts)


def mask_passwords(line: str) -> str:
    """Return a line without the passwords that it holds."""
    return _SECRET.sub(r"\g<name>***", line)


def _number_hunk(line: str, edit: Edit, count: int) -> str:
    if not line.startswith("@@"):
        return line
    return f"@@ -{edit.line} +{edit.line}{f',{count}' if count > 1 else ''} @@"


def apply_edits(edits: Sequence[Edit]) -> dict[Path, str]:
    """Make the edits; return the text that each file had before.

    Raises:
        QcaError: a file is no longer what it was when it was judged; nothing was changed.

    """
    before: dict[Path, str] = {}
    after: dict[Path, str] = {}
    for edit in edits:
        path = Path(edit.file)
        text = after.get(path) or _read_text(path)
        before.setdefault(path, text)
        after[path] = _replace_line(text, edit)
    for path, text in after.items():
        _write_text(path, text)
    return before


def restore_files(before: dict[Path, str]) -> None:
    """Give the files the text that they had."""
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
    lines[edit.line - 1] = (ending or "\n").join(edit.new) + ending
    return "".join(lines)


def _write_text(path: Path, text: str) -> None:
    """Write the file where it really lies, so that a link stays one; its mode stays."""
    place = path.resolve()
    write_atomically(place, text, mode=place.stat().st_mode & 0o7777)
