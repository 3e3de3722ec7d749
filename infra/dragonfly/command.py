"""Parse the command of a service: the program that it starts, and its flags."""

import re
from collections.abc import Iterator, Sequence

from infra.compose_file.model import LocatedValue, Service
from infra.dragonfly.flag_table import find_type, is_switch
from qca.core.frozen import frozen_dataclass

# Programs that run the rest of their command line unchanged: the image's entrypoint, and common
# wrappers.
_WRAPPERS = frozenset({"dumb-init", "entrypoint.sh", "env", "exec", "tini"})

_FLAG = re.compile(r"--?(?P<name>[A-Za-z_][^=]*)(?:=(?P<value>.*))?", re.DOTALL)


@frozen_dataclass
class Flag(LocatedValue):
    """A flag's value, and the words of the command that set it."""

    words: tuple[LocatedValue, ...] = ()
    """`--flag=value`, or `--flag` and `value`; empty if `DFLY_<flag>` sets it."""
    lacks_value: bool = False
    """Whether the flag is the last word although its type requires a value."""

    @property
    def is_complete(self) -> bool:
        """Whether the flag has its value or needs none; if not, the next word may be the value."""
        name = self.words[0].raw.lstrip("-") if self.words else ""
        negated = name.removeprefix("no")
        return len(self.words) > 1 or "=" in name or is_switch(name) or is_switch(negated)


def find_program(service: Service) -> str:
    """Return the program that the command starts; an empty string if the image determines it."""
    words = skip_wrappers(service.command)
    first = words[0].value if words else "-"
    return "" if first.startswith("-") else first.rpartition("/")[2]


def skip_wrappers(command: tuple[LocatedValue, ...]) -> tuple[LocatedValue, ...]:
    """Return the words after the wrapper programs and their options."""
    start = 0
    for word in command:
        is_option = start > 0 and word.value.startswith("-") and len(word.value) <= len("-x")
        if not is_option and word.value.rpartition("/")[2] not in _WRAPPERS:
            break
        start += 1
    return command[start:]


def parse_flags(words: Sequence[LocatedValue]) -> Iterator[tuple[str, Flag]]:
    """Yield (name, flag) for each flag of a command, as Abseil reads it.

    The forms are `--flag=value` and `--flag value`. A boolean flag takes no following word as its
    value, and can be written `--noflag`.
    """
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word.value == "--":
            return  # the rest are not flags
        match = _FLAG.fullmatch(word.value)
        if match is None:
            continue
        name, value = match["name"], match["value"]
        if value is not None:
            yield name, _locate_flag(value, word)
        elif is_switch(name):
            yield name, _locate_flag("true", word)
        elif not find_type(name) and is_switch(name.removeprefix("no")):
            yield name.removeprefix("no"), _locate_flag("false", word)
        elif index < len(words) and _is_value(name, words[index]):
            yield name, _locate_flag(words[index].value, word, words[index])
            index += 1
        else:
            yield name, _locate_flag("", word, lacks_value=bool(find_type(name)))


def _is_value(name: str, word: LocatedValue) -> bool:
    """Return whether a word is the value of the preceding flag; any word after a known flag is."""
    return bool(find_type(name)) or not word.value.startswith("-")


def _locate_flag(value: str, *words: LocatedValue, lacks_value: bool = False) -> Flag:
    """Return the flag that these words set, at the position of its value."""
    raw, last = " ".join(word.raw for word in words), words[-1]
    return Flag(value, last.line, raw, last.file, last.place, words, lacks_value)
