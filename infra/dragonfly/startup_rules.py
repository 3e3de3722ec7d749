"""How Dragonfly decides at start-up: its threads, its memory, and whether it refuses.

Read from dragonflydb/dragonfly `src/server/dfly_main.cc` and romange/helio
`util/fibers/proactor_pool.cc`, tags v0.1.0 to v1.40. Of v2 it was seen that the rule of 256 MiB
for each thread still holds.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

from infra.dragonfly.releases import NEWEST_READ, Release
from infra.dragonfly.sizes import format_human_readable
from qca.core.units import MIB

# dfly_main.cc: the same constant in every release compared; equality passes.
BYTES_PER_THREAD = 256 * MIB

# dfly_main.cc: maxmemory when none is given, as a share of what is available.
DEFAULT_SHARE = 0.8

# A snapshot raised resident memory by about a third over maxmemory:
# https://github.com/dragonflydb/dragonfly/issues/3658
SNAPSHOT_HEADROOM = 1.35

# kMaxThreadSize (main_service.cc): so many threads or more abort it, whatever the memory.
TOO_MANY_THREADS = 1024

THREADS_NAMED = (0, 11, 0)
"""First release whose refusal names threads and memory."""
CGROUPS_READ = (1, 2, 0)
"""First release that reads the cgroup's memory and CPU limits."""
FLAG_BEATS_QUOTA = (1, 38, 0)
"""First release whose --proactor_threads wins over a CPU quota (dragonfly issue 4251)."""


V1_HIERARCHIES = frozenset({"cpu,cpuacct", "memory"})
"""The hierarchies of cgroup v1 in which it looks for its limits, by their whole names
(GetCGroupPath in dfly_main.cc). Where it lacks one of them, it reads no limit at all."""


@dataclass(frozen=True)
class Threads:
    """How many threads Dragonfly would start, and what made it that number."""

    count: int
    because: str


def count_threads(
    cpus: int | None,
    *,
    quota: float | None = None,
    flag: int | None = None,
    cgroup_version: str = "2",
    release: Release = NEWEST_READ,
) -> Threads | None:
    """Return how many threads Dragonfly starts where it sees `cpus` CPUs.

    None if that depends on the CPUs and their number is unknown.
    `quota` is the container's CPU limit, `flag` the value of --proactor_threads or
    DFLY_proactor_threads; 0 means "decide yourself", as for Dragonfly.
    """
    by_quota = _count_threads_by_quota(quota, cgroup_version) if release >= CGROUPS_READ else 0
    if flag and (release >= FLAG_BEATS_QUOTA or not by_quota):
        return Threads(flag, f"--proactor_threads={flag}")
    if by_quota:
        beaten = f", which overrides --proactor_threads={flag} before v1.38" if flag else ""
        return Threads(by_quota, f"the CPU limit of {quota:g}{beaten}")
    if cpus is None:
        return None
    which = "the only CPU" if cpus == 1 else f"each of the {cpus} CPUs"
    return Threads(cpus, f"one for {which} that it sees")


def _count_threads_by_quota(quota: float | None, cgroup_version: str) -> int:
    """Return 0 for "no limit"; on cgroup v1 Dragonfly truncates, so half a CPU is no limit."""
    if quota is None:
        return 0
    return int(quota) if cgroup_version == "1" else math.ceil(quota)


def sees_limits(v1_hierarchies: Collection[str]) -> bool:
    """Whether Dragonfly finds its container's limits among these hierarchies of cgroup v1."""
    return V1_HIERARCHIES.issubset(v1_hierarchies)


def compute_default_maxmemory(
    available: int, limit: int | None, release: Release = NEWEST_READ
) -> int:
    """Return the maxmemory that Dragonfly gives itself; before v1.2 it overlooks the limit."""
    if limit is not None and release >= CGROUPS_READ:
        available = min(available, limit)
    return int(DEFAULT_SHARE * available)


def compute_required_memory(thread_count: int) -> int:
    """Return the least maxmemory for that many threads."""
    return thread_count * BYTES_PER_THREAD


def compute_max_threads(maxmemory: int) -> int:
    """Return how many threads `maxmemory` holds; at least one is what Dragonfly can start."""
    return maxmemory // BYTES_PER_THREAD


def refuses_to_start(thread_count: int, maxmemory: int) -> bool:
    """Whether Dragonfly would exit at start-up."""
    return maxmemory < compute_required_memory(thread_count)


def format_refusal(thread_count: int, release: Release = NEWEST_READ) -> str:
    """Return the message with which Dragonfly exits."""
    if release < THREADS_NAMED:
        return "Max memory is less than 256MB per thread. Exiting..."
    needed = format_human_readable(compute_required_memory(thread_count))
    return f"There are {thread_count} threads, so {needed} are required. Exiting..."
