"""A service of a compose file that runs Dragonfly: recognised, and its settings read."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infra.compose_file.model import LocatedValue, Service
from infra.dragonfly.flags import REMOVED_FLAGS, is_illegal_value, is_known_flag, suggest_spelling
from infra.dragonfly.startup_rules import Release, parse_release

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

_PREFIX = "DFLY_"

# Programs that hand on what follows them as it is: the image's own, and what people put before.
_HANDS_ON = frozenset({"dumb-init", "entrypoint.sh", "env", "exec", "tini"})
_SHELLS = frozenset({"ash", "bash", "busybox", "dash", "ksh", "sh", "zsh"})


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


@dataclass(frozen=True)
class Dragonfly:
    """How a compose file starts Dragonfly."""

    service: Service
    release: Release
    flags: Mapping[str, Flag]
    """By name without dashes, in their order; the command line wins over `DFLY_*`."""

    @property
    def flagfile(self) -> Flag | None:
        """A file of further flags that was not read: it lies inside the container."""
        return self.flags.get("flagfile") if self.service.flagfile is None else None

    @property
    def other_program(self) -> str:
        """What is started in place of Dragonfly, and may start that as it likes."""
        program = _program(self.service)
        if program in _SHELLS:
            return "a shell"
        return "" if program in ("", "dragonfly") else program

    @property
    def is_one_word(self) -> bool:
        """Whether a whole command was written as one item of a list."""
        return " " in _program(self.service)

    @property
    def fatal_flags(self) -> tuple[str, ...]:
        """The flags over which it ends at once: gone, misspelt or with a value that cannot be."""
        gone = [flag for flag in self.flags if self.find_replacement(flag) is not None]
        return (*gone, *self.illegal_flags)

    @property
    def illegal_flags(self) -> tuple[str, ...]:
        """The flags with a value that they cannot have, as far as is known."""
        if self.other_program:
            return ()
        return tuple(
            flag for flag, text in self.flags.items() if is_illegal_value(flag, text.value)
        )

    @property
    def unknown_flags(self) -> tuple[str, ...]:
        """The flags of which it cannot be told whether the release knows them."""
        if self.other_program:
            return ()  # whose the flags are cannot be told either
        untold = (flag for flag in self.flags if self.find_replacement(flag) is None)
        return tuple(flag for flag in untold if not is_known_flag(flag))

    def find_replacement(self, flag: str) -> str | None:
        """Return what to write for a flag that this release does not know, empty for nothing."""
        gone_in, instead = REMOVED_FLAGS.get(flag, (None, ""))
        if flag == "PASSWORD":  # only DFLY_PASSWORD gives this name
            return "requirepass"
        return (
            instead if gone_in is not None and self.release >= gone_in else suggest_spelling(flag)
        )


def is_dragonfly(service: Service) -> bool:
    """Whether the service's image or command is Dragonfly's; its name means nothing."""
    image = service.image.value.partition("@")[0] if service.image else ""
    path, _, last = image.rpartition("/")
    name = last.partition(":")[0]
    if path.endswith("dragonflydb") and name.startswith("dragonfly") and "operator" not in name:
        return True
    return name == "dragonfly" or _program(service) == "dragonfly"


def _program(service: Service) -> str:
    """Return the program that the command starts; empty where it leaves that to the image."""
    words = _handed_on(service)
    first = words[0].value if words else "-"
    return "" if first.startswith("-") else first.rpartition("/")[2]


def _handed_on(service: Service) -> tuple[LocatedValue, ...]:
    """Return the words behind the programs that only hand on, and behind their options."""
    start = 0
    for word in service.command:
        option = start > 0 and word.value.startswith("-") and len(word.value) <= len("-x")
        if not option and word.value.rpartition("/")[2] not in _HANDS_ON:
            break
        start += 1
    return service.command[start:]


def read_dragonfly(service: Service) -> Dragonfly:
    """Return the settings that `service` gives to Dragonfly."""
    release = parse_release(service.image.value if service.image else "")
    flags = {
        name.removeprefix(_PREFIX): Flag(text.value, text.line, text.raw, text.file)
        for name, text in service.environment.items()
        if name.startswith(_PREFIX)
    }
    for name, flag in _flags(_handed_on(service), service.flagfile):
        flags.pop(name, None)  # it counts where it was given last
        flags[name] = flag
    return Dragonfly(service, release, flags)


def _flags(
    words: tuple[LocatedValue, ...], flagfile: tuple[LocatedValue, ...] | None = None
) -> Iterator[tuple[str, Flag]]:
    """Yield `--flag=value` and `--flag value`; a switch takes no following word.

    A flag file counts where it is named: what comes after it wins, as with absl's flags.
    """
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
                yield name, _flag(following.value, word, following)
                if name == "flagfile":
                    yield from _flags(flagfile or ())
                continue
        yield name, _flag("true" if value is None else value, word)
        if name == "flagfile":
            yield from _flags(flagfile or ())


def _flag(value: str, *words: LocatedValue) -> Flag:
    """Place a flag where its value is written."""
    raw, last = " ".join(word.raw for word in words), words[-1]
    return Flag(value, last.line, raw, last.file, last.place, words)
