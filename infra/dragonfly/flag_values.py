"""Validate the values of flags according to their types, as Abseil parses them.

https://github.com/abseil/abseil-cpp/blob/master/absl/flags/marshalling.cc; Dragonfly's own types
are parsed by `AbslParseFlag` in its sources.
"""

import re
from collections.abc import Callable, Mapping

from infra.dragonfly.cron import is_crontab
from infra.dragonfly.releases import Release
from infra.dragonfly.sizes import read_size

_TRUE, _FALSE = frozenset({"1", "t", "true", "y", "yes"}), frozenset({"0", "f", "false", "n", "no"})

_INTEGER = re.compile(r"(?P<sign>[+-]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|(?P<decimal>[0-9]+))")
_FLOAT = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf(?:inity)?|nan)", re.IGNORECASE
)
# -1 means any free port (dfly_main.cc).
_RANGES: Mapping[str, range] = {
    "int32": range(-(2**31), 2**31),
    "uint16": range(2**16),
    "uint32": range(2**32),
    "uint64": range(2**64),
    "port": range(-1, 2**16),
}
_MOST_DIGITS = 40

# CompressionMode, by number or name (rdb_save.cc).
_COMPRESSIONS = frozenset(
    {"0", "1", "2", "3", "NONE", "SINGLE_ENTRY", "MULTI_ENTRY_ZSTD", "MULTI_ENTRY_LZ4"}
)
_LEAST_TIERED_SIZE = 64  # AtLeast64 (tiered_storage.cc)

# Earlier releases only log a warning about an invalid crontab (dragonfly pull request 2101).
_CRONTAB_REFUSED: Release = (1, 12, 0)


def parse_boolean(text: str) -> bool | None:
    """Return the boolean that Abseil reads; None for any other text."""
    word = text.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def parse_integer(text: str) -> int | None:
    """Return the integer that Abseil reads; None for any other text.

    Abseil accepts spaces around the number, a sign, and hexadecimal digits after `0x`.
    """
    match = _INTEGER.fullmatch(text.strip())
    if match is None or len(text) > _MOST_DIGITS:
        return None
    number = int(match["hex"], 16) if match["hex"] else int(match["decimal"])
    return -number if match["sign"] == "-" else number


def _is_address(text: str) -> bool:
    """Return whether `--replicaof` accepts the address (ReplicaOfFlag); empty means no master."""
    host, colon, port = text.rpartition(":")
    if not text:
        return True
    is_bracketed = (host.startswith("["), host.endswith("]"))
    return (
        bool(colon and host and port)
        and is_bracketed in ((False, False), (True, True))
        and (not is_bracketed[0] or len(host) > len("[]"))
    )


def _is_crontab(text: str, release: Release) -> bool:
    return not text or release < _CRONTAB_REFUSED or is_crontab(text)


def _is_tiered_size(text: str) -> bool:
    number = parse_integer(text)
    return number is not None and _is_in_range("uint64", text) and number >= _LEAST_TIERED_SIZE


def describe_legal_values(kind: str, value: str, release: Release) -> str:
    """Return the requirement of the type if the value violates it, otherwise an empty string."""
    if kind in _RANGES:
        return _describe_range(kind) if not _is_in_range(kind, value) else ""
    describe = _DESCRIPTIONS.get(kind)
    if describe is None:
        return ""
    is_legal, description = describe
    return "" if is_legal(value, release) else description


def _is_in_range(kind: str, value: str) -> bool:
    number = parse_integer(value)
    is_signed = kind in ("int32", "port")
    if number is None:  # `None in range(...)` compares None with each number
        return False
    return number in _RANGES[kind] and (is_signed or "-" not in value)


def _describe_range(kind: str) -> str:
    if kind in ("port", "uint16"):
        return "a whole number up to 65535"
    return "a whole number" if kind == "int32" else "a non-negative whole number"


_DESCRIPTIONS: Mapping[str, tuple[Callable[[str, Release], bool], str]] = {
    "bool": (lambda value, _: parse_boolean(value) is not None, "true or false"),
    "float": (lambda value, _: _FLOAT.fullmatch(value.strip()) is not None, "a number"),
    "size": (
        lambda value, release: read_size(value, release) is not None,
        "a size such as 500MB, 1G or 1TB",
    ),
    "cron": (
        _is_crontab,
        "a crontab of five fields without quotes, such as */30 * * * *",
    ),
    "address": (lambda value, _: _is_address(value), "host:port or [IPv6]:port"),
    "compression": (lambda value, _: value in _COMPRESSIONS, "a number from 0 to 3"),
    "from64": (lambda value, _: _is_tiered_size(value), "a whole number of at least 64"),
}
