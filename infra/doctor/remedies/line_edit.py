"""Remedies that change single lines of a Compose file: by `--fix`, or by the sed command shown."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from infra.compose_file.line_edits import Edit
from infra.compose_file.model import ComposeFile, LocatedValue
from infra.doctor.finding import Remedy
from infra.doctor.remedies.quoting import quote_path, quote_word
from infra.doctor.remedies.sed import build_sed_script


def edit_line(title: str, edit: Edit, *, automatic: bool) -> Remedy:
    """Return the remedy that makes one edit, with the sed command that does the same."""
    return edit_lines(title, (edit,), automatic=automatic)


def edit_lines(title: str, edits: Sequence[Edit], *, automatic: bool, script: str = "") -> Remedy:
    """Return the remedy that makes the edits, with a sed command for each file.

    `script` takes the place of the one that names the words that change.
    """
    paths = {edit.file: _find_real_path(edit.file) for edit in edits}
    backups = " and ".join(f"{path}.bak" for path in paths.values())
    files = "file" if len(paths) == 1 else "files"
    lines = "that line" if len(edits) == 1 else "those lines"
    return Remedy(
        title,
        tuple(
            _build_command(path, [edit for edit in edits if edit.file == file], script)
            for file, path in paths.items()
        ),
        automatic=automatic,
        breaks=f"changes {lines} only; the command leaves the old {files} as {backups}",
        undo=tuple(f"mv {quote_path(f'{path}.bak')} {quote_path(path)}" for path in paths.values()),
        edits=tuple(edits),
    )


def _find_real_path(path: str) -> str:
    """Return where a symbolic link leads, in whose place `sed -i` would put a file of its own."""
    return str(Path(path).resolve()) if Path(path).is_symlink() else path


def _build_command(path: str, edits: Iterable[Edit], script: str) -> str:
    scripts = [quote_word(script or build_sed_script(edit)) for edit in edits]
    given = scripts[0] if len(scripts) == 1 else " ".join(f"-e {one}" for one in scripts)
    return f"sed -i.bak {given} {quote_path(path)}"


def replace_on_line(file: ComposeFile, at: LocatedValue, old: str, new: str) -> Edit | None:
    """Return the edit that writes `new` for `old` on the line of `at`, if `old` is there once."""
    line = find_line(file, at)
    if line is None or line.count(old) != 1 or old in ("", new):
        return None
    return Edit(at.file, at.line, line, (line.replace(old, new),))


def replace_by_pattern(
    file: ComposeFile, replacements: Iterable[tuple[LocatedValue, str, str]]
) -> tuple[Edit, ...]:
    """Return the edits that write a text for each pattern, on the line of its value.

    Several may stand on one line. Empty if one of the patterns is not there exactly once.
    """
    edits: dict[tuple[str, int], Edit] = {}
    for at, pattern, new in replacements:
        key, line = (at.file, at.line), find_line(file, at)
        if line is None:
            return ()
        edit = edits.get(key, Edit(at.file, at.line, line, (line,)))
        parts = re.split(pattern, edit.new[0])
        if len(parts) != 2:
            return ()
        edits[key] = replace(edit, new=(new.join(parts),))
    return tuple(edits.values())


def delete_line(file: ComposeFile, at: LocatedValue, pattern: str) -> Edit | None:
    """Return the edit that deletes the line of `at`, if it has nothing but what the pattern is."""
    line = find_line(file, at)
    if line is None or not re.fullmatch(rf"\s*{pattern}\s*(?:#.*)?", line):
        return None
    return Edit(at.file, at.line, line, ())


def delete_item(file: ComposeFile, at: LocatedValue, pattern: str) -> Edit | None:
    """Return the edit that deletes an item of a list, if others remain: Compose takes no empty key.

    `pattern` is the item without its dash.
    """
    lines = file.sources.get(at.file, ())
    edit = delete_line(file, at, rf"-\s+{pattern}")
    if edit is None:
        return None
    dash = edit.old[: edit.old.index("-") + 1]
    neighbors = lines[max(0, at.line - 2) : at.line - 1] + lines[at.line : at.line + 1]
    return edit if any(line.startswith(dash) for line in neighbors) else None


def find_line(file: ComposeFile, at: LocatedValue) -> str | None:
    """Return the text of the line that a value stands on; None where it was not read."""
    lines = file.sources.get(at.file, ())
    return lines[at.line - 1] if 0 < at.line <= len(lines) else None
