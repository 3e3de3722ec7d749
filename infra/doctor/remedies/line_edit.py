"""Remedies that change one line of a Compose file: by `--fix`, or by the sed command shown."""

from infra.compose_file.line_edits import Edit
from infra.compose_file.model import ComposeFile, LocatedValue
from infra.doctor.finding import Remedy
from infra.doctor.remedies.quoting import quote_path, quote_word
from infra.doctor.remedies.sed import build_sed_script


def edit_line(title: str, edit: Edit, *, automatic: bool) -> Remedy:
    """Return the remedy that makes one edit, with the sed command that does the same."""
    path = quote_path(edit.file)
    return Remedy(
        title,
        (f"sed -i.bak {quote_word(build_sed_script(edit))} {path}",),
        automatic=automatic,
        breaks=f"changes that line only; the command leaves the old file as {edit.file}.bak",
        undo=(f"mv {quote_path(edit.file + '.bak')} {path}",),
        edits=(edit,),
    )


def replace_on_line(file: ComposeFile, at: LocatedValue, old: str, new: str) -> Edit | None:
    """Return the edit that writes `new` for `old` on the line of `at`, if `old` is there once."""
    line = find_line(file, at)
    if line is None or line.count(old) != 1 or old in ("", new):
        return None
    return Edit(at.file, at.line, line, (line.replace(old, new),))


def find_line(file: ComposeFile, at: LocatedValue) -> str | None:
    """Return the text of the line that a value stands on; None where it was not read."""
    lines = file.sources.get(at.file, ())
    return lines[at.line - 1] if 0 < at.line <= len(lines) else None
