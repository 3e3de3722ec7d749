"""The names of Dragonfly's flags: which there are, which a release dropped, which cannot be."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from infra.dragonfly.startup_rules import Release

# Flags that a release dropped or renamed: (flag, first release without it, what to write).
# Release notes of v0.17, v1.14, v1.26, v1.30, v1.38 and v1.40; save_schedule: pull request 2327.
REMOVED_FLAGS: Mapping[str, tuple[Release, str]] = {
    "http_admin_console": ((0, 17, 0), "primary_port_http_enabled"),
    "memcache_port": ((1, 14, 0), "memcached_port"),
    "default_lua_config": ((1, 14, 0), "default_lua_flags"),
    "save_schedule": ((1, 14, 0), "snapshot_cron"),
    "use_large_pages": ((1, 14, 0), ""),
    "multi_eval_mode": ((1, 14, 0), ""),
    "oom_deny_ratio": ((1, 26, 0), ""),
    "multi_exec_mode": ((1, 30, 0), ""),
    "point_in_time_snapshot": ((1, 38, 0), ""),
    "oom_deny_commands": ((1, 40, 0), ""),
    "rename_command": ((1, 40, 0), ""),
}

# Variables with the prefix DFLY_ that are none of a flag, and yet taken.
_NO_FLAGS = frozenset({"DEV_ENV"})

# Flags whose value is a whole number (their ABSL_FLAG says int32_t, uint32_t or uint16_t). Of the
# threads QCA301 judges.
_NUMBERS = frozenset(
    {"admin_port", "dbnum", "hz", "maxclients", "memcached_port", "num_shards", "port"}
)
_FLAG_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_PORTS = range(-1, 2**16)  # -1 is any that is free (dfly_main.cc)

_FLAG_TABLE = Path(__file__).parents[1] / "data" / "dragonfly-flags.txt"


@cache
def _read_flag_names() -> frozenset[str]:
    lines = _FLAG_TABLE.read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def is_known_flag(flag: str) -> bool:
    """Whether some release is known to have the flag; `nocache_mode` is cache_mode=false."""
    known = _read_flag_names() | REMOVED_FLAGS.keys() | _NO_FLAGS
    return flag in known or flag.removeprefix("no") in known


def find_closest_flag(flag: str) -> str:
    """Return the flag that is most like a name; empty where none is."""
    return next(iter(get_close_matches(flag, sorted(_read_flag_names()), n=1, cutoff=0.8)), "")


def suggest_spelling(flag: str) -> str | None:
    """Return how to write a name that no flag can have, empty where no spelling makes it one.

    None for a name that a flag can have; absl takes names as they are:
    https://abseil.io/docs/cpp/guides/flags
    """
    if flag in _NO_FLAGS or _FLAG_NAME.fullmatch(flag):
        return None
    name, blank, value = flag.partition(" ")
    spelling = name.lower().replace("-", "_")
    if not _FLAG_NAME.fullmatch(spelling):
        return ""
    return spelling + ("=" if blank else "") + value.strip()


def is_illegal_value(flag: str, value: str) -> bool:
    """Whether a value is known to be none that the flag can have."""
    if flag not in _NUMBERS:
        return False
    number = re.fullmatch(r"\s*[-+]?\d{1,10}\s*", value, re.ASCII)
    return number is None or (flag.endswith("port") and int(number[0]) not in _PORTS)
