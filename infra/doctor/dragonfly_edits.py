"""Which line to change so that a compose file gives Dragonfly another flag."""

import re
import shlex

from infra.doctor.check import Remedy
from infra.doctor.composefile import ComposeFile, Text
from infra.doctor.dragonfly_service import Dragonfly
from infra.doctor.edits import Edit

# `- word`, `- "word"`: an item of a list that is written on lines of its own.
_ITEM = r"(?P<head>\s*-\s+(?P<quote>['\"]?)){raw}(?P<tail>(?P=quote)\s*(?:\s#.*)?)"


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


def replaced(file: ComposeFile, at: Text, old: str, new: str) -> Edit | None:
    """Return the edit that writes `new` for `old` on the line of `at`, if `old` is there once."""
    line = _line(file, at)
    if line is None or line.count(old) != 1 or not old:
        return None
    return Edit(at.file, at.line, line, (line.replace(old, new),))


def _line(file: ComposeFile, at: Text) -> str | None:
    lines = file.sources.get(at.file, ())
    return lines[at.line - 1] if 0 < at.line <= len(lines) else None


def _change(file: ComposeFile, flag: str, given: Text, setting: str) -> Edit | None:
    if not given.raw.startswith("-"):  # the value of DFLY_<flag>
        return _matched(
            file,
            given,
            rf"(?P<head>.*\bDFLY_{flag}['\"]?\s*[:=]\s*['\"]?){{raw}}(?P<tail>.*)",
            setting,
        )
    dashes = given.raw[: len(given.raw) - len(given.raw.lstrip("-"))]
    for sign in ("=", " "):
        if given.raw.startswith(f"{dashes}{flag}{sign}"):
            edit = replaced(file, given, given.raw, f"{dashes}{flag}{sign}{setting}")
            if edit is not None:
                return edit
    value = given.raw.partition(" ")[2]
    return _matched(file, Text(value, given.line, value, given.file), _ITEM, setting)


def _matched(file: ComposeFile, at: Text, pattern: str, new: str) -> Edit | None:
    """Write `new` for the raw text of `at`, where its whole line has this form."""
    line = _line(file, at)
    match = re.fullmatch(pattern.format(raw=re.escape(at.raw)), line or "") if at.raw else None
    if line is None or match is None:
        return None
    return Edit(at.file, at.line, line, (f"{match['head']}{new}{match['tail']}",))


def _addition(file: ComposeFile, dragonfly: Dragonfly, written: str) -> Edit | None:
    """Put a flag behind the last one that the command or its flag file gives."""
    given = [text for text in dragonfly.flags.values() if text.raw.startswith("-")]
    for at in reversed(given):
        line = _line(file, at)
        if line is None:
            continue
        for raw in (at.raw, at.raw.partition(" ")[2]):
            item = re.fullmatch(_ITEM.format(raw=re.escape(raw)), line) if raw else None
            if item:
                quote = item["quote"]
                return Edit(at.file, at.line, line, (line, f"{item['head']}{written}{quote}"))
        if line.count(at.raw) == 1:
            return Edit(at.file, at.line, line, (_beside(line, at.raw, written),))
    return None


def _beside(line: str, raw: str, written: str) -> str:
    """Add a word behind `raw`, in a `[list, in, brackets]` or in a command of one string."""
    start = line.index(raw)
    quote = line[start - 1 : start] if line[start - 1 : start] in ("'", '"') else ""
    behind = line[start + len(raw) :]
    in_brackets = "[" in line[:start]
    if in_brackets and behind.startswith(quote):
        end = start + len(raw) + len(quote)
        return f"{line[:end]}, {quote}{written}{quote}{line[end:]}"
    return f"{line[: start + len(raw)]} {written}{behind}"


def _sed(edit: Edit) -> str:
    """Return what makes sed do the same to that line."""
    if edit.new[0] == edit.old:
        return f"{edit.line}a\\{edit.new[1]}"
    old, new = _different_words(edit.old, edit.new[0])
    pattern, text = re.sub(_SPECIAL, r"\\\1", old), re.sub(r"([\\/&])", r"\\\1", new)
    return f"{edit.line}s/{pattern}/{text}/"


_SPECIAL = r"([\\/.*^$\[\]])"


def _different_words(old: str, new: str) -> tuple[str, str]:
    """Return what differs, with the words that it is in: the rest of the line need not show."""
    start = _word_start(old, _alike(old, new))
    rest = min(len(old), len(new)) - start
    end = min(rest, _alike(old[::-1], new[::-1]))
    if end == len(old) - start:  # words that were put in: name the one before them
        start = _word_start(old, start - 1)
    return old[start : len(old) - end], new[start : len(new) - end]


def _word_start(text: str, at: int) -> int:
    return max(text.rfind(sign, 0, max(0, at)) for sign in " \"',[") + 1


def _alike(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
