"""Find the faults in the flags of a Dragonfly service: names, values, and Dragonfly's own rules."""

from collections.abc import Iterator, Mapping
from enum import Enum, auto

from infra.dragonfly.command import Flag
from infra.dragonfly.exit_rules import list_broken_rules
from infra.dragonfly.flag_table import (
    Standing,
    find_nearest_flag,
    find_standing,
    find_type,
    read_flag_table,
)
from infra.dragonfly.flag_values import describe_legal_values
from infra.dragonfly.given_flags import GivenFlags
from infra.dragonfly.releases import Release, is_read
from qca.core.frozen import frozen_dataclass

# The new names of renamed flags, whose values did not change.
_SUCCESSORS: Mapping[str, str] = {
    "PASSWORD": "requirepass",  # as in DFLY_PASSWORD
    "default_lua_config": "default_lua_flags",
    "http_admin_console": "primary_port_http_enabled",
    "memcache_port": "memcached_port",
    "proactor_irq_cpus": "proactor_tail_cpus",
}

# Abseil's flags that print something cannot be set by variables (measured: DFLY_help).
_NO_VARIABLES = frozenset({"help", "helpfull", "helpmatch", "helpon", "helpshort", "version"})


class Effect(Enum):
    """The consequence of a fault."""

    EXITS = auto()
    IGNORED = auto()
    """A retired flag; Dragonfly logs a notice and starts."""
    UNCERTAIN = auto()


class FaultKind(Enum):
    """What is wrong with a flag: its name, its value, a broken rule, or a file that it reads."""

    NAME = auto()
    VALUE = auto()
    RULE = auto()
    FILE = auto()


@frozen_dataclass
class FlagFault:
    """A flag that Dragonfly ignores or rejects, or may reject."""

    flag: str
    given: Flag
    kind: FaultKind
    effect: Effect
    standing: Standing = Standing.PRESENT
    reason: str = ""
    """Why the flag is wrong; if its name is wrong, see `standing` instead."""
    instead: str = ""
    """The flag of this release to use instead; empty if none is known."""
    is_sure: bool = False
    """Whether `instead` is the correct spelling or the successor, not merely a similar name."""


def find_flag_faults(given: GivenFlags, release: Release) -> tuple[FlagFault, ...]:
    """Return the faults of the flags: first names and values, then broken rules and flag files."""
    return (
        *_check_flags(given, release),
        *_check_hidden_variables(given, release),
        *_check_rules(given, release),
        *_check_files(given),
    )


def _check_flags(given: GivenFlags, release: Release) -> Iterator[FlagFault]:
    for name, flag in given.flags.items():
        standing = Standing.UNKNOWN if _is_malformed(name, flag) else find_standing(name, release)
        is_undefined_ok = bool(flag.words) and name in given.undefined_ok
        if standing is not Standing.PRESENT and not is_undefined_ok:
            yield _report_name(name, flag, standing, release)
        elif reason := _describe_value(name, flag, release):
            yield FlagFault(name, flag, FaultKind.VALUE, Effect.EXITS, reason=reason)


def _check_hidden_variables(given: GivenFlags, release: Release) -> Iterator[FlagFault]:
    """Yield overridden variables of retired flags, which make Dragonfly exit all the same."""
    for name, flag in given.variables.items():
        standing = find_standing(name, release)
        is_hidden = flag is not given.flags.get(name)
        if is_hidden and standing is Standing.RETIRED:
            yield _report_name(name, flag, standing, release)


def _is_malformed(name: str, flag: Flag) -> bool:
    """Return whether the name is not valid for a flag or variable in any release."""
    is_variable = not flag.words
    word = name.replace("_", "")
    is_plain = word.isascii() and word.isalnum() and word == word.lower()
    is_known = name in read_flag_table()
    return (not is_plain and not is_known) or (is_variable and name in _NO_VARIABLES)


def _report_name(name: str, flag: Flag, standing: Standing, release: Release) -> FlagFault:
    effects = {Standing.UNCERTAIN: Effect.UNCERTAIN}
    if flag.words:  # for variables, Dragonfly uses GetAllFlags, which omits retired flags
        effects[Standing.RETIRED] = Effect.IGNORED
    effect = effects.get(standing, Effect.EXITS)
    instead = _find_substitute(name, release) if effect is not Effect.IGNORED else ""
    plain = name.partition(" ")[0].lower().replace("-", "_").replace("_", "")
    is_sure = _SUCCESSORS.get(name) == instead or plain == instead.replace("_", "")
    return FlagFault(name, flag, FaultKind.NAME, effect, standing, instead=instead, is_sure=is_sure)


def _find_substitute(name: str, release: Release) -> str:
    """Return the replacement for a flag that does not exist: its successor, or a similar flag."""
    successor = _SUCCESSORS.get(name)
    if successor and find_standing(successor, release) is Standing.PRESENT:
        return successor
    return find_nearest_flag(name.partition(" ")[0], release)


def _describe_value(name: str, flag: Flag, release: Release) -> str:
    if flag.lacks_value:
        return "a value is missing"
    legal = describe_legal_values(find_type(name), flag.value, release)
    return f"the value must be {legal}" if legal else ""


def _check_rules(given: GivenFlags, release: Release) -> Iterator[FlagFault]:
    """Yield violations of Dragonfly's own rules, except those that an unread file may resolve."""
    values = {name: flag.value for name, flag in given.flags.items()}
    effect = Effect.EXITS if is_read(release) else Effect.UNCERTAIN
    for name, reason in list_broken_rules(values, release):
        is_present = find_standing(name, release) is Standing.PRESENT
        if is_present and name in given.settled:
            yield FlagFault(name, given.flags[name], FaultKind.RULE, effect, reason=reason)


def _check_files(given: GivenFlags) -> Iterator[FlagFault]:
    for name, flag, reason in given.faults:
        yield FlagFault(name, flag, FaultKind.FILE, Effect.EXITS, reason=reason)


def is_accepted(name: str, value: str, others: Mapping[str, Flag], release: Release) -> bool:
    """Return whether the release accepts `--name=value` together with a service's other flags."""
    flag = Flag(value, 1, value, words=())
    given = GivenFlags(flags={**others, name: flag}, settled={*others, name})
    faults = find_flag_faults(given, release)
    return not any(fault.flag == name for fault in faults)
