"""List Dragonfly's flags by release: their types, and when each was added, retired and removed."""

from collections.abc import Mapping
from difflib import get_close_matches
from enum import Enum, auto
from functools import cache
from pathlib import Path

from infra.dragonfly.releases import NEWEST_READ, Release, is_read
from qca.core.frozen import frozen_dataclass
from qca.core.versions import parse_version

_FLAG_TABLE = Path(__file__).parents[1] / "data" / "dragonfly-flags.txt"

# The first release in the table. Earlier releases are assumed to have the same flags, as only a few
# of their flags are known.
_OLDEST_READ: Release = (1, 0, 0)

# The main branch of August 2026 is newer than the newest release that was read.
_MAIN: Release = (1, 41, 0)
_NEVER: Release = (999, 0, 0)

# The minimum similarity between a name and the one that is suggested instead.
_LIKENESS = 0.8


class Standing(Enum):
    """The status of a flag in a release."""

    PRESENT = auto()
    RETIRED = auto()
    """The release accepts the flag, ignores it, and logs a notice."""
    ABSENT = auto()
    """Only other releases have the flag; this one exits."""
    UNKNOWN = auto()
    """No release has the flag; every release exits."""
    UNCERTAIN = auto()
    """It is unknown whether this release has the flag."""


@frozen_dataclass
class FlagHistory:
    """The history of a flag."""

    type: str
    since: Release
    retired: Release = _NEVER
    absent: Release = _NEVER
    gap: tuple[Release, Release] | None = None
    """The first and the last release of a gap in which it was missing."""
    unread: Release = _NEVER

    def judge(self, release: Release) -> Standing:
        """Return the standing of the flag in a release whose sources were read."""
        in_gap = self.gap is not None and self.gap[0] <= release <= self.gap[1]
        if not self.since <= release < self.absent or in_gap:
            return Standing.ABSENT
        if release >= self.unread:
            return Standing.UNCERTAIN
        return Standing.RETIRED if release >= self.retired else Standing.PRESENT


@cache
def read_flag_table() -> Mapping[str, FlagHistory]:
    """Return all known flags by name."""
    lines = _FLAG_TABLE.read_text("utf-8").splitlines()
    return dict(_parse_line(line) for line in lines if not line.startswith("#"))


def _parse_line(line: str) -> tuple[str, FlagHistory]:
    name, kind, since, *rest = line.split()
    dates = dict(part.split("=") for part in rest)
    first, _, last = dates.pop("gap", "").partition("-")
    gap = (_parse_release(first), _parse_release(last)) if first else None
    later = {key: _parse_release(text) for key, text in dates.items()}
    return name, FlagHistory(kind, _parse_release(since), gap=gap, **later)


def _parse_release(text: str) -> Release:
    if text == "main":
        return _MAIN
    major, minor, patch = parse_version(text)
    return major, minor, patch


def find_standing(flag: str, release: Release) -> Standing:
    """Return the standing of a flag in a release, as far as it is known."""
    history = read_flag_table().get(flag)
    if not is_read(release):
        return _judge_unread_release(history, release)
    if release < _OLDEST_READ:
        return _judge_early_release(history, release)
    return history.judge(release) if history else Standing.UNKNOWN


def _judge_unread_release(history: FlagHistory | None, release: Release) -> Standing:
    """Return the standing according to the release pages; a flag that they omit is unchanged."""
    if history is None:
        return Standing.UNCERTAIN
    if NEWEST_READ < history.absent <= release:
        return Standing.ABSENT
    standing = history.judge(release)
    return Standing.UNCERTAIN if standing is Standing.ABSENT else standing


def _judge_early_release(history: FlagHistory | None, release: Release) -> Standing:
    if history is None or history.since > _OLDEST_READ:
        return Standing.UNCERTAIN
    return Standing.ABSENT if release >= history.absent else Standing.PRESENT


def find_type(flag: str) -> str:
    """Return the type of a flag's value; empty for an unknown flag."""
    history = read_flag_table().get(flag)
    return history.type if history else ""


def is_switch(flag: str) -> bool:
    """Return whether the flag is boolean, so that a following word is not its value."""
    return find_type(flag) == "bool"


def find_nearest_flag(flag: str, release: Release) -> str:
    """Return the release's flag that is most similar to a name; empty if none is similar enough."""
    existing = [
        name for name in read_flag_table() if find_standing(name, release) is Standing.PRESENT
    ]
    plain = flag.lower().replace("-", "").replace("_", "")
    same = (name for name in existing if name.replace("_", "") == plain)
    near = get_close_matches(flag, sorted(existing), n=1, cutoff=_LIKENESS)
    return next(same, "") or next(iter(near), "")
