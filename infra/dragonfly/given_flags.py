"""The flags that a service gives, in the order in which Dragonfly reads them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from infra.compose_file.model import ComposeFile, LocatedValue, Service
from infra.dragonfly.command import Flag, parse_flags, skip_wrappers
from infra.dragonfly.flag_file import find_host_path, parse_flag_file, split_list
from infra.dragonfly.releases import Release

_PREFIX = "DFLY_"
_ABSEIL_PREFIX = "FLAGS_"

VARIABLES_READ: Release = (1, 11, 0)
"""First release that reads DFLY_ variables; those before take DFLY_PASSWORD alone."""
OLD_PASSWORD = "PASSWORD"
"""What follows DFLY_ in that variable."""

# A variable with the prefix that is no flag's, and yet taken.
_NO_FLAG = "DEV_ENV"

# Flag files that name one another twice over would take for ever.
_MOST_FILES = 60


@dataclass
class GivenFlags:
    """What is known of the flags once variables, command and flag files are read."""

    flags: dict[str, Flag] = field(default_factory=dict[str, Flag])
    """By name without dashes, in their order; the command line wins over `DFLY_*`."""
    settled: set[str] = field(default_factory=set[str])
    """Flags that no file comes after that was not read."""
    variables: dict[str, Flag] = field(default_factory=dict[str, Flag])
    """Those of `DFLY_*`, also where the command line wins over them."""
    unread_flag_file: Flag | None = None
    """The last that names a file of further flags which was not read."""
    undefined_ok: set[str] = field(default_factory=set[str])
    """Names that Abseil passes over where no such flag exists (--undefok)."""
    faults: list[tuple[str, Flag, str]] = field(default_factory=list[tuple[str, Flag, str]])
    """Flags over whose files or variables Dragonfly exits, and why."""

    files: int = 0
    """How many flag files have been read, each as often as it is named."""

    def add(self, name: str, flag: Flag) -> None:
        """Take a flag; it counts where it was given last."""
        self.flags.pop(name, None)
        self.flags[name] = flag
        self.settled.add(name)


def read_given_flags(file: ComposeFile, service: Service, release: Release) -> GivenFlags:
    """Return the flags that a service of `file` gives to that release of Dragonfly."""
    given = GivenFlags()
    for name, text in service.environment.items():
        flag = name.removeprefix(_PREFIX)
        if name.startswith(_PREFIX) and flag != _NO_FLAG and release >= VARIABLES_READ:
            given.variables[flag] = Flag(text.value, text.line, text.raw, text.file)
            given.add(flag, given.variables[flag])
    _read_words(given, file, service, skip_wrappers(service.command), ())
    return given


def _read_words(
    given: GivenFlags,
    file: ComposeFile,
    service: Service,
    words: Sequence[LocatedValue],
    trail: tuple[str, ...],
) -> None:
    """Read the words of a command or the lines of a flag file; `trail` are the files around it."""
    for name, flag in parse_flags(words):
        given.add(name, flag)
        if name == "flagfile":
            for path in split_list(flag.value):
                _read_file(given, file, service, flag, path, trail)
        elif name in ("fromenv", "tryfromenv"):
            _read_variables(given, service, name, flag)
        elif name == "undefok":
            given.undefined_ok.update(split_list(flag.value))


def _read_file(
    given: GivenFlags,
    file: ComposeFile,
    service: Service,
    flag: Flag,
    name: str,
    trail: tuple[str, ...],
) -> None:
    path = find_host_path(service, file.files, name)
    if path in trail:
        return
    if path is not None and path in file.missing:
        given.faults.append(("flagfile", flag, f"the flag file {name} does not exist"))
        return
    lines = file.sources.get(path) if path is not None else None
    if path is None or lines is None or given.files >= _MOST_FILES:
        given.unread_flag_file = flag
        given.settled.clear()
        return
    given.files += 1
    words = parse_flag_file(path, lines)
    for word in words:
        if not word.value.startswith("-"):
            line = Flag(word.value, word.line, word.raw, word.file, word.place, (word,))
            given.faults.append(("flagfile", line, "a line of the flag file is no flag"))
    _read_words(given, file, service, words, (*trail, path))


def _read_variables(given: GivenFlags, service: Service, name: str, flag: Flag) -> None:
    """Take flags from `FLAGS_<flag>`; --fromenv requires each to be there."""
    for wanted in split_list(flag.value):
        text = service.environment.get(_ABSEIL_PREFIX + wanted)
        if text is not None:
            given.add(wanted, Flag(text.value, text.line, text.raw, text.file))
        elif name == "fromenv" and not service.unread_sources:
            reason = f"the variable {_ABSEIL_PREFIX}{wanted} is not set"
            given.faults.append((name, flag, reason))
