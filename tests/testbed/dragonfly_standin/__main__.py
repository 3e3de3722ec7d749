"""Run `dragonfly` in the stand-in image: examine the host, apply the rules, and become Valkey."""

import os
import sys
import time
from pathlib import Path

from . import rules
from .flags import ABORTED, StartRefusedError, parse_flags
from .valkey import build_config

NAME = "dragonfly-standin"
VALKEY = "/usr/local/bin/valkey-server"
CGROUP = Path("/sys/fs/cgroup")


def read(path: Path) -> str | None:
    """Return the text of a kernel file; None if this kernel does not have it."""
    try:
        return path.read_text()
    except OSError:
        return None


def find_available_bytes() -> int:
    """Return the smaller of the kernel's available memory and the container's limit."""
    meminfo = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    found = [int(meminfo["MemAvailable"].split()[0]) * 1024]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        text = read(CGROUP / name)
        if text is not None and text.strip() != "max":
            found.append(int(text))
    return min(found)


def count_quota_threads() -> int | None:
    """Return the container's CPU quota in threads, with either version of cgroups."""
    cpu_max = read(CGROUP / "cpu.max")
    if cpu_max is not None:
        return rules.read_quota_v2(cpu_max)
    quota, period = (read(CGROUP / "cpu" / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    return rules.read_quota_v1(quota, period) if quota and period else None


def log(level: str, text: str) -> None:
    """Print a line in the format of Dragonfly's log."""
    stamp = time.strftime("%Y%m%d %H:%M:%S")
    print(f"{level}{stamp} {os.getpid():6} {NAME}] {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Decide like Dragonfly, then replace the process by Valkey."""
    log("W", "This stands in for Dragonfly in tests: its start-up rule, then a Valkey server.")
    try:
        flags = parse_flags(sys.argv[1:], os.environ, lambda path: Path(path).read_text())
        host = rules.Host(
            len(os.sched_getaffinity(0)), find_available_bytes(), count_quota_threads()
        )
        chosen = rules.choose_limits(flags, host)
        for level, text in rules.describe_memory(chosen, host):
            log(level, text)
        log("I", f"Running {chosen.threads} io threads")
        rules.check_start(flags, chosen)
    except StartRefusedError as refusal:
        log("F" if refusal.status == ABORTED else "E", str(refusal))
        return refusal.status
    become_valkey(build_config(flags, chosen.maxmemory))
    return 0


def become_valkey(config: str) -> None:
    """Start Valkey, configured over standard input so that no process list shows the password."""
    memory_file = os.memfd_create("valkey.conf")
    os.write(memory_file, config.encode())
    os.lseek(memory_file, 0, os.SEEK_SET)
    os.dup2(memory_file, 0)
    os.execv(VALKEY, [NAME, "-"])


if __name__ == "__main__":
    sys.exit(main())
