"""Examine the process of the Docker daemon on this host: its limits and its start time."""

import os
import re
from dataclasses import replace
from pathlib import Path

from infra.host.errors import ProbeError
from infra.host.facts import Engine
from infra.host.files import read_text

# capabilities(7): CAP_SYS_RESOURCE, which is required to raise a hard limit (getrlimit(2)).
_SYS_RESOURCE = 1 << 24

ANY = -1


def add_daemon_facts(engine: Engine, root: Path = Path("/")) -> Engine:
    """Return the engine with the facts of its process, which are None if it cannot be found."""
    daemon = _find_daemon(engine, root / "proc")
    if daemon is None:
        return engine
    return replace(
        engine,
        # The capabilities of a rootless daemon apply only in its own user namespace.
        most_memlock=_read_most_memlock(daemon, engine.is_rootless),
        started=_read_start_time(daemon, root),
    )


def _read_most_memlock(daemon: Path, is_rootless: bool) -> int | None:
    """Return the highest limit on locked memory that a container may request; None if unknown."""
    try:
        status = read_text(daemon / "status")
        capabilities = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.M)
        if capabilities and not is_rootless and int(capabilities[1], 16) & _SYS_RESOURCE:
            return ANY
        limits = read_text(daemon / "limits")
    except ProbeError:
        return None
    hard = re.search(r"^Max locked memory\s+\S+\s+(\S+)", limits, re.M)
    if hard is None:
        return None
    if hard[1] == "unlimited":
        return ANY
    return int(hard[1]) if re.fullmatch(r"\d{1,18}", hard[1], re.ASCII) else None


def _read_start_time(daemon: Path, root: Path) -> int | None:
    """Return the daemon's start time, in seconds since 1970; None if it cannot be determined."""
    try:
        booted = re.search(r"^btime (\d+)$", read_text(root / "proc/stat"), re.M)
        # proc_pid_stat(5): the 22nd field, in clock ticks since boot; the name in the second field
        # may contain spaces and parentheses.
        ticks = read_text(daemon / "stat").rpartition(")")[2].split()[19]
    except (ProbeError, IndexError):
        return None
    if booted is None or not ticks.isdecimal():
        return None
    return int(booted[1]) + int(ticks) // os.sysconf("SC_CLK_TCK")


def _find_daemon(engine: Engine, proc: Path) -> Path | None:
    """Return the /proc folder of the daemon that answers; None if it cannot be determined."""
    if not engine.host.startswith("unix://"):
        return None
    daemons = _find_daemons(proc)
    # The daemon may be in a virtual machine; of several daemons, any may be the one that answers.
    return daemons[0] if len(daemons) == 1 else None


def _find_daemons(proc: Path) -> list[Path]:
    daemons: list[Path] = []
    for folder in proc.glob("[0-9]*"):
        try:
            name = read_text(folder / "comm").strip()
        except ProbeError:  # it has exited in the meantime
            continue
        if name == "dockerd":
            daemons.append(folder)
    return daemons
