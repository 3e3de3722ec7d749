"""A service of a compose file that runs Dragonfly: recognised, and its settings read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infra.compose_file.model import ComposeFile, LocatedValue, Service
from infra.dragonfly.command import Flag, find_program, parse_flags, skip_wrappers
from infra.dragonfly.flag_file import find_flag_file, parse_flag_file
from infra.dragonfly.flags import REMOVED_FLAGS, is_illegal_value, is_known_flag, suggest_spelling
from infra.dragonfly.startup_rules import Release, parse_release

_PREFIX = "DFLY_"

_SHELLS = frozenset({"ash", "bash", "busybox", "dash", "ksh", "sh", "zsh"})


@dataclass(frozen=True)
class Dragonfly:
    """How a compose file starts Dragonfly."""

    service: Service
    release: Release
    flags: Mapping[str, Flag]
    """By name without dashes, in their order; the command line wins over `DFLY_*`."""
    unread_flag_file: Flag | None
    """Names a file of further flags that was not read: it lies inside the container."""

    @property
    def other_program(self) -> str:
        """What is started in place of Dragonfly, and may start that as it likes."""
        program = find_program(self.service)
        if program in _SHELLS:
            return "a shell"
        return "" if program in ("", "dragonfly") else program

    @property
    def is_one_word(self) -> bool:
        """Whether a whole command was written as one item of a list."""
        return " " in find_program(self.service)

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
        """The flags that no known release has; whether this one does cannot be determined."""
        if self.other_program:
            return ()  # the flags may be the other program's
        accepted = (flag for flag in self.flags if self.find_replacement(flag) is None)
        return tuple(flag for flag in accepted if not is_known_flag(flag))

    def find_replacement(self, flag: str) -> str | None:
        """Return what to write for a flag that this release does not know, empty for nothing."""
        removed_in, replacement = REMOVED_FLAGS.get(flag, (None, ""))
        if flag == "PASSWORD":  # only DFLY_PASSWORD gives this name
            return "requirepass"
        if removed_in is not None and self.release >= removed_in:
            return replacement
        return suggest_spelling(flag)


def is_dragonfly(service: Service) -> bool:
    """Whether the service's image or command is Dragonfly's; its name means nothing."""
    image = service.image.value.partition("@")[0] if service.image else ""
    path, _, last = image.rpartition("/")
    name = last.partition(":")[0]
    if path.endswith("dragonflydb") and name.startswith("dragonfly") and "operator" not in name:
        return True
    return name == "dragonfly" or find_program(service) == "dragonfly"


def read_dragonfly(file: ComposeFile, service: Service) -> Dragonfly:
    """Return the settings that a service of `file` gives to Dragonfly."""
    path = find_flag_file(service, file.files)
    lines = file.sources.get(path) if path is not None else None
    flags = {
        name.removeprefix(_PREFIX): Flag(text.value, text.line, text.raw, text.file)
        for name, text in service.environment.items()
        if name.startswith(_PREFIX)
    }
    in_file = parse_flag_file(path, lines) if path is not None and lines is not None else ()
    for name, flag in _expand_flag_file(service, in_file):
        flags.pop(name, None)  # it counts where it was given last
        flags[name] = flag
    return Dragonfly(
        service,
        release=parse_release(service.image.value if service.image else ""),
        flags=flags,
        unread_flag_file=flags.get("flagfile") if lines is None else None,
    )


def _expand_flag_file(
    service: Service, in_file: tuple[LocatedValue, ...]
) -> Iterator[tuple[str, Flag]]:
    """Yield the flags of a command, those of its flag file where that is named.

    What comes after it wins, as with absl's flags.
    """
    for name, flag in parse_flags(skip_wrappers(service.command)):
        yield name, flag
        if name == "flagfile":
            yield from parse_flags(in_file)
