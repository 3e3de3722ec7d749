"""Build the remedy that sets a Dragonfly flag, on the flag's line or after other flags."""

import re

from infra.compose_file.line_edits import Edit
from infra.compose_file.model import ComposeFile, LocatedValue
from infra.doctor.finding import Remedy
from infra.doctor.remedies.line_edit import edit_line, find_line
from infra.dragonfly.command import Flag
from infra.dragonfly.service import Dragonfly
from qca.core.masking import is_secret_name

_QUOTES = ("'", '"')


def set_flag(
    file: ComposeFile, dragonfly: Dragonfly, flag: str, setting: str, *, automatic: bool = False
) -> Remedy:
    """Return the remedy that changes or adds the flag: an edit if possible, otherwise advice."""
    written, name = f"--{flag}={setting}", dragonfly.service.name
    given = dragonfly.flags.get(flag)
    edit = (
        _change_flag(file, flag, given, setting) if given else _add_flag(file, dragonfly, written)
    )
    if edit is not None:
        return edit_line(f"Write {written} at {edit.file}:{edit.line}", edit, automatic=automatic)
    if given is None:
        return Remedy(f"Add {written} to the command of service {name} in {file.path}")
    return Remedy(f"Write {written} at {given.file or file.path}:{given.line}")


def _change_flag(file: ComposeFile, flag: str, given: Flag, setting: str) -> Edit | None:
    if not given.words:
        return _change_variable(file, f"DFLY_{flag}", given, setting)
    *name, last = given.words
    new = setting if name else f"{last.raw.partition('=')[0]}={setting}"
    return change_word(file, last, new)


def _change_variable(file: ComposeFile, name: str, given: LocatedValue, new: str) -> Edit | None:
    """Return the edit that changes an environment variable, in a mapping or as `NAME=value`."""
    line = find_line(file, given)
    before, raw = rf".*\b{name}['\"]?\s*[:=]\s*['\"]?", re.escape(given.raw)
    match = re.fullmatch(rf"(?P<head>{before}){raw}(?P<tail>.*)", line or "")
    if line is None or match is None or not raw:
        return None
    return Edit(given.file, given.line, line, (f"{match['head']}{new}{match['tail']}",))


def change_word(file: ComposeFile, at: LocatedValue, new: str) -> Edit | None:
    """Return the edit that replaces a word of the command with `new`, in the same quotes."""
    line, place = find_line(file, at), at.place
    if line is None or place is None:
        return None
    quote = _find_quote(line[place.start : place.end], at.raw)
    if place.kind != "word" and new.isdecimal():
        quote = quote or '"'  # Compose rejects numbers as words
    new_line = f"{line[: place.start]}{quote}{new}{quote}{line[place.end :]}"
    return Edit(at.file, at.line, line, (new_line,))


def _add_flag(file: ComposeFile, dragonfly: Dragonfly, written: str) -> Edit | None:
    """Return the edit that adds a flag after the last one in the command or its flag file.

    It never adds one after a password, because the sed command would show it.
    """
    for name, flag in reversed(list(dragonfly.flags.items())):
        if is_secret_name(name):
            continue
        if flag.is_complete and (edit := _insert_word(file, flag.words[-1], written)) is not None:
            return edit
    return None


def _insert_word(file: ComposeFile, at: LocatedValue, written: str) -> Edit | None:
    """Return the edit that inserts a word after another, on its line or as a list item below it."""
    line, place = find_line(file, at), at.place
    if line is None or place is None:
        return None
    end, quote = place.end, _find_quote(line[place.start : place.end], at.raw)
    quoted = f"{quote}{written}{quote}"
    new: tuple[str, ...]
    match place.kind:
        case "word":
            new = (f"{line[:end]} {written}{line[end:]}",)
        case "in brackets":
            new = (f"{line[:end]}, {quoted}{line[end:]}",)
        case "apart":
            return None
        case _:
            new = (line, f"{_find_item_prefix(line)}{quoted}")
    return Edit(at.file, at.line, line, new)


def _find_item_prefix(line: str) -> str:
    """Return the indentation of a line, including the dash if the line is a list item."""
    return line[: len(line) - len(re.sub(r"\s*(?:-\s+)?", "", line, count=1))]


def _find_quote(piece: str, raw: str) -> str:
    """Return the quote that encloses exactly the word, or an empty string if there is none."""
    return next((quote for quote in _QUOTES if piece == f"{quote}{raw}{quote}"), "")
