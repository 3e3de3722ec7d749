"""Find the limits of a service that the engine ignores, because its kernel cannot enforce them.

moby's daemon warns about missing support (daemon/info_unix.go) and discards the limit when it
creates a container (daemon/daemon_unix.go). It reports missing support for `pids_limit` only in the
field `PidsLimit` of its answer to `/info`; other engines with its API warn about that too. QCA102
judges the limits on memory and CPU time.
"""

import re

from infra.compose_file.model import LocatedValue, Service
from infra.host.facts import Engine
from qca.core.frozen import frozen_dataclass

_PIDS_KEYS = ("pids_limit", "deploy.resources.limits.pids")
_NO_PIDS = "it reports `PidsLimit: false`"
# The values that set no limit, as Docker and Compose interpret them.
_NONE = ("", "0", "-1", "false")
# The keys of a service, and the warning of an engine that does not support them.
_WARNINGS = {
    "cpu_shares": r"No cpu shares support",
    "cpuset": r"No cpuset support",
    "memswap_limit": r"No swap limit support",
    "oom_kill_disable": r"No oom kill disable support",
    "blkio_config.weight": r"No (blkio weight|io\.weight) support",
    "blkio_config.weight_device": r"No (blkio weight_device|io\.weight \(per device\)) support",
    "blkio_config.device_read_bps": r"No (blkio throttle\.read_bps|io\.max \(rbps\))",
    "blkio_config.device_write_bps": r"No (blkio throttle\.write_bps|io\.max \(wbps\))",
    "blkio_config.device_read_iops": r"No (blkio throttle\.read_iops|io\.max \(riops\))",
    "blkio_config.device_write_iops": r"No (blkio throttle\.write_iops|io\.max \(wiops\))",
}


@frozen_dataclass
class UsedLimit:
    """A limit that a service sets, and what the engine says about it."""

    key: str
    at: LocatedValue
    ignored_because: str | None
    """The engine's words; empty if it enforces the limit, None if that is unknown."""


def list_used_limits(service: Service, engine: Engine | None) -> list[UsedLimit]:
    """Return the limits that a service sets, except those on memory and CPU time."""
    found = [
        UsedLimit(key, service.settings[key], _find_warning(engine, words))
        for key, words in _WARNINGS.items()
        if _sets_limit(service, key)
    ]
    # Both keys set the same limit.
    pids = next((key for key in _PIDS_KEYS if _sets_limit(service, key)), None)
    if pids is not None:
        found.append(UsedLimit(pids, service.settings[pids], explain_missing_pids(engine)))
    return found


def explain_missing_pids(engine: Engine | None) -> str | None:
    """Return why the engine cannot limit the number of processes; empty if it can, None if that is
    unknown."""
    if warning := _find_warning(engine, r"No pids limit support"):
        return warning
    if engine is None or engine.limits_pids is None:
        return None
    return "" if engine.limits_pids else _NO_PIDS


def _find_warning(engine: Engine | None, words: str) -> str | None:
    if engine is None or engine.warnings is None:
        return None
    matching = (warning for warning in engine.warnings if re.search(words, warning))
    warning = next(matching, "").removeprefix("WARNING: ")
    return f"it warns: {warning}" if warning else ""


def _sets_limit(service: Service, key: str) -> bool:
    given = service.settings.get(key)
    if given is None:
        return False
    return given.value not in _NONE or (key == "cpuset" and given.value == "0")  # the first CPU
