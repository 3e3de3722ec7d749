"""Collect the flags that a service sets, in the order in which Dragonfly reads them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from infra.compose_file.model import ComposeFile, LocatedValue, Service
from infra.dragonfly.command import Flag, parse_flags, skip_wrappers
from infra.dragonfly.flag_file import find_host_path, parse_flag_file, split_list
from infra.dragonfly.releases import Release

_PREFIX = "DFLY_"
_ABSEIL_PREFIX = "FLAGS_"

VARIABLES_READ: Release = (1, 11, 0)
"""The first release that reads DFLY_ variables; earlier ones read only DFLY_PASSWORD."""
OLD_PASSWORD = "PASSWORD"
"""The part of the name DFLY_PASSWORD after DFLY_."""

# The part after DFLY_ of a variable that Dragonfly accepts although it sets no flag.
_NO_FLAG = "DEV_ENV"

# Flag files that include each other several times could take forever to read.
_MOST_FILES = 60


@dataclass
class GivenFlags:
    """The flags after reading the variables, the command and the flag files."""

    flags: dict[str, Flag] = field(default_factory=dict[str, Flag])
    """The flags by name without dashes, in order; the command line overrides `DFLY_*`."""
    settled: set[str] = field(default_factory=set[str])
    """The flags whose values are certain because no unread flag file follows them."""
    variables: dict[str, Flag] = field(default_factory=dict[str, Flag])
    """The flags from `DFLY_*`, even if the command line overrides them."""
    unread_flag_file: Flag | None = None
    """The last flag that names an unread flag file."""
    undefined_ok: set[str] = field(default_factory=set[str])
    """Names that Abseil ignores if the flag does not exist (--undefok)."""
    faults: list[tuple[str, Flag, str]] = field(default_factory=list[tuple[str, Flag, str]])
    """Faulty flag files and variables, which make Dragonfly exit: the flag that names each, where
    it is set, and the reason.
    """

    files: int = 0
    """The number of flag files that were read, counting repetitions."""

    def add(self, name: str, flag: Flag) -> None:
        """Add a flag; its last occurrence applies."""
        self.flags.pop(name, None)
        self.flags[name] = flag
        self.settled.add(name)


def read_given_flags(file: ComposeFile, service: Service, release: Release) -> GivenFlags:
    """Return the flags that a service of `file` passes to Dragonfly, in the given release."""
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
    """Add the flags of a command or flag file to `given`; `trail` lists the including files."""
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
            given.faults.append(("flagfile", line, "a line of the flag file is not a flag"))
    _read_words(given, file, service, words, (*trail, path))


def _read_variables(given: GivenFlags, service: Service, name: str, flag: Flag) -> None:
    """Add the flags from `FLAGS_<flag>` to `given`; --fromenv requires each variable to exist."""
    for wanted in split_list(flag.value):
        text = service.environment.get(_ABSEIL_PREFIX + wanted)
        if text is not None:
            given.add(wanted, Flag(text.value, text.line, text.raw, text.file))
        elif name == "fromenv" and not service.unread_sources:
            reason = f"the variable {_ABSEIL_PREFIX}{wanted} is not set"
            given.faults.append((name, flag, reason))
