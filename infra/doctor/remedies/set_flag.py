"""Which line to change so that a compose file gives Dragonfly another flag."""

import re
import shlex

from infra.compose_file.line_edits import Edit
from infra.compose_file.model import ComposeFile, LocatedValue
from infra.doctor.finding import Remedy
from infra.dragonfly.service import Dragonfly, Flag

_QUOTES = ("'", '"')


def set_flag(
    file: ComposeFile, dragonfly: Dragonfly, flag: str, setting: str, *, automatic: bool = False
) -> Remedy:
    """Change the flag on its line, or add it where others stand; else say what to write."""
    written, name = f"--{flag}={setting}", dragonfly.service.name
    given = dragonfly.flags.get(flag)
    edit = _change(file, flag, given, setting) if given else _addition(file, dragonfly, written)
    if edit is not None:
        return edit_remedy(f"Write {written} at {edit.file}:{edit.line}", edit, automatic=automatic)
    if given is None:
        return Remedy(f"Add {written} to the command of service {name} in {file.path}")
    return Remedy(f"Write {written} at {given.file or file.path}:{given.line}")


def edit_remedy(title: str, edit: Edit, *, automatic: bool) -> Remedy:
    """Return the remedy that makes one edit, with the sed command that does the same."""
    path = shlex.quote(edit.file)
    return Remedy(
        title,
        (f"sed -i.bak {shlex.quote(_sed(edit))} {path}",),
        automatic=automatic,
        breaks=f"changes that line only; the command leaves the old file as {edit.file}.bak",
        undo=(f"mv {shlex.quote(edit.file + '.bak')} {path}",),
        edits=(edit,),
    )


def replaced(file: ComposeFile, at: LocatedValue, old: str, new: str) -> Edit | None:
    """Return the edit that writes `new` for `old` on the line of `at`, if `old` is there once."""
    line = _line(file, at)
    if line is None or line.count(old) != 1 or not old:
        return None
    return Edit(at.file, at.line, line, (line.replace(old, new),))


def _line(file: ComposeFile, at: LocatedValue) -> str | None:
    lines = file.sources.get(at.file, ())
    return lines[at.line - 1] if 0 < at.line <= len(lines) else None


def _change(file: ComposeFile, flag: str, given: Flag, setting: str) -> Edit | None:
    if not given.words:
        return _variable(file, f"DFLY_{flag}", given, setting)
    *name, last = given.words
    return _rewritten(file, last, setting if name else f"{last.raw.partition('=')[0]}={setting}")


def _variable(file: ComposeFile, name: str, given: LocatedValue, new: str) -> Edit | None:
    """Write the value of an environment variable, in a mapping or as `NAME=value`."""
    line = _line(file, given)
    before, raw = rf".*\b{name}['\"]?\s*[:=]\s*['\"]?", re.escape(given.raw)
    match = re.fullmatch(rf"(?P<head>{before}){raw}(?P<tail>.*)", line or "")
    if line is None or match is None or not raw:
        return None
    return Edit(given.file, given.line, line, (f"{match['head']}{new}{match['tail']}",))


def _rewritten(file: ComposeFile, at: LocatedValue, new: str) -> Edit | None:
    """Write `new` in the place of a word of the command, in the same quotes."""
    line, place = _line(file, at), at.place
    if line is None or place is None:
        return None
    quote = _quote(line[place.start : place.end], at.raw)
    if place.kind != "word" and new.isdecimal():
        quote = quote or '"'  # Compose takes no numbers for words
    new_line = f"{line[: place.start]}{quote}{new}{quote}{line[place.end :]}"
    return Edit(at.file, at.line, line, (new_line,))


def _addition(file: ComposeFile, dragonfly: Dragonfly, written: str) -> Edit | None:
    """Put a flag behind the last one that the command or its flag file gives."""
    for flag in reversed(list(dragonfly.flags.values())):
        if flag.is_complete and (edit := _behind(file, flag.words[-1], written)) is not None:
            return edit
    return None


def _behind(file: ComposeFile, at: LocatedValue, written: str) -> Edit | None:
    """Put a word behind one of the command: on the line, or on the next as an item of its own."""
    line, place = _line(file, at), at.place
    if line is None or place is None:
        return None
    end, quote = place.end, _quote(line[place.start : place.end], at.raw)
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
            new = (line, f"{_head(line)}{quoted}")
    return Edit(at.file, at.line, line, new)


def _head(line: str) -> str:
    """Return what stands before an item of a list on lines of its own, or before a flag."""
    return line[: len(line) - len(re.sub(r"\s*(?:-\s+)?", "", line, count=1))]


def _quote(piece: str, raw: str) -> str:
    """Return the quotes around a word, where they are all that is written besides it."""
    return next((quote for quote in _QUOTES if piece == f"{quote}{raw}{quote}"), "")


def _sed(edit: Edit) -> str:
    """Return what makes sed do the same to that line."""
    if edit.new[0] == edit.old:  # both lines end as the one did, with CR LF or without CR
        return rf"{edit.line}s/\(\r*\)$/\1\n{_escaped(edit.new[1])}\1/"
    old, new, which = _different_words(edit.old, edit.new[0])
    pattern, text = re.sub(_SPECIAL, r"\\\1", old), _escaped(new)
    return f"{edit.line}s/{pattern}/{text}/{which if which > 1 else ''}"


def _escaped(text: str) -> str:
    return re.sub(r"([\\/&])", r"\\\1", text)


_SPECIAL = r"([\\/.*^$\[\]])"


def _different_words(old: str, new: str) -> tuple[str, str, int]:
    """Return what differs, with the words that it is in, and which of its like it is.

    The rest of the line need not show.
    """
    start = _word_start(old, _alike(old, new))
    rest = min(len(old), len(new)) - start
    end = min(rest, _alike(old[::-1], new[::-1]))
    if end == len(old) - start:  # words that were put in: name the one before them
        start = _word_start(old, start - 1)
    while start not in (found := _places(old[start : len(old) - end], old)):
        start = _word_start(old, start - 1)
    return old[start : len(old) - end], new[start : len(new) - end], found.index(start) + 1


def _places(part: str, text: str) -> list[int]:
    """Return where sed finds a part, one behind the other."""
    return [match.start() for match in re.finditer(re.escape(part), text)]


def _word_start(text: str, at: int) -> int:
    return max(text.rfind(sign, 0, max(0, at)) for sign in " \"',[\ufeff") + 1


def _alike(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
