"""Build remedies that change lines of a Compose file, with `--fix` or with a sed command."""

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
    """Return the remedy that makes one edit, with the equivalent sed command."""
    return edit_lines(title, (edit,), automatic=automatic)


def edit_lines(title: str, edits: Sequence[Edit], *, automatic: bool, script: str = "") -> Remedy:
    """Return the remedy that makes the edits, with the equivalent sed command for each file.

    `script` is used instead of the generated sed script, which would show the changed words.
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
    """Return the path, or the target of a symbolic link: `sed -i` would replace the link itself."""
    return str(Path(path).resolve()) if Path(path).is_symlink() else path


def _build_command(path: str, edits: Iterable[Edit], script: str) -> str:
    scripts = [quote_word(script or build_sed_script(edit)) for edit in edits]
    given = scripts[0] if len(scripts) == 1 else " ".join(f"-e {script}" for script in scripts)
    return f"sed -i.bak {given} {quote_path(path)}"


def replace_on_line(file: ComposeFile, at: LocatedValue, old: str, new: str) -> Edit | None:
    """Return the edit that replaces `old` on the line of `at`, if it occurs exactly once there."""
    line = find_line(file, at)
    if line is None or line.count(old) != 1 or old in ("", new):
        return None
    return Edit(at.file, at.line, line, (line.replace(old, new),))


def replace_by_pattern(
    file: ComposeFile, replacements: Iterable[tuple[LocatedValue, str, str]]
) -> tuple[Edit, ...]:
    """Return the edits that replace, on the line of each value, a pattern with new text.

    Several patterns may be on one line. Return no edits unless each pattern occurs exactly once.
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
    """Return the edit that deletes the line of `at`, if the pattern matches the whole line."""
    line = find_line(file, at)
    if line is None or not re.fullmatch(rf"\s*{pattern}\s*(?:#.*)?", line):
        return None
    return Edit(at.file, at.line, line, ())


def delete_item(file: ComposeFile, at: LocatedValue, pattern: str) -> Edit | None:
    """Return the edit that deletes a list item, if others remain: Compose rejects an empty key.

    `pattern` must match the item except for its dash.
    """
    lines = file.sources.get(at.file, ())
    edit = delete_line(file, at, rf"-\s+{pattern}")
    if edit is None:
        return None
    dash = edit.old[: edit.old.index("-") + 1]
    neighbors = lines[max(0, at.line - 2) : at.line - 1] + lines[at.line : at.line + 1]
    return edit if any(line.startswith(dash) for line in neighbors) else None


def find_line(file: ComposeFile, at: LocatedValue) -> str | None:
    """Return the line of text that contains a value; None if it was not read."""
    lines = file.sources.get(at.file, ())
    return lines[at.line - 1] if 0 < at.line <= len(lines) else None
