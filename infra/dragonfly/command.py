"""The command of a service: the program that it starts, and the flags that it gives."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infra.compose_file.model import LocatedValue, Service

# Flags of Dragonfly that are true or false and so take no word after them (v1.40).
_SWITCHES = frozenset(
    {
        "admin_nopass",
        "alsologtostderr",
        "cache_mode",
        "force_epoll",
        "logtostderr",
        "primary_port_http_enabled",
        "tls",
        "version_check",
    }
)

# Programs that pass on what follows them as it is: the image's own, and common wrappers.
_WRAPPERS = frozenset({"dumb-init", "entrypoint.sh", "env", "exec", "tini"})


@dataclass(frozen=True)
class Flag(LocatedValue):
    """A flag's value, and the words of the command that give it."""

    words: tuple[LocatedValue, ...] = ()
    """`--flag=value`, or `--flag` and `value`; none where `DFLY_<flag>` gives it."""

    @property
    def is_complete(self) -> bool:
        """Whether the word behind it is not its value."""
        name = self.words[0].raw.lstrip("-") if self.words else ""
        return len(self.words) > 1 or "=" in name or name in _SWITCHES


def find_program(service: Service) -> str:
    """Return the program that the command starts; empty where it leaves that to the image."""
    words = skip_wrappers(service.command)
    first = words[0].value if words else "-"
    return "" if first.startswith("-") else first.rpartition("/")[2]


def skip_wrappers(command: tuple[LocatedValue, ...]) -> tuple[LocatedValue, ...]:
    """Return the words behind the programs that only pass them on, and behind their options."""
    start = 0
    for word in command:
        is_option = start > 0 and word.value.startswith("-") and len(word.value) <= len("-x")
        if not is_option and word.value.rpartition("/")[2] not in _WRAPPERS:
            break
        start += 1
    return command[start:]


def parse_flags(words: Sequence[LocatedValue]) -> Iterator[tuple[str, Flag]]:
    """Yield `--flag=value` and `--flag value` by name; a switch takes no following word."""
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word.value == "--":
            return  # what follows is no flag
        match = re.fullmatch(r"--?(?P<name>[A-Za-z_][^=]*)(?:=(?P<value>.*))?", word.value, re.S)
        if match is None:
            continue
        name, value = match["name"], match["value"]
        if value is None and name not in _SWITCHES and index < len(words):
            following = words[index]
            if not following.value.startswith("-"):
                index += 1
                yield name, _locate_flag(following.value, word, following)
                continue
        yield name, _locate_flag("true" if value is None else value, word)


def _locate_flag(value: str, *words: LocatedValue) -> Flag:
    """Place a flag where its value is written."""
    raw, last = " ".join(word.raw for word in words), words[-1]
    return Flag(value, last.line, raw, last.file, last.place, words)
