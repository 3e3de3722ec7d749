"""Predict Dragonfly's decisions at startup: its threads, its memory, and whether it starts.

The rules are those of dragonflydb/dragonfly `src/server/dfly_main.cc` and romange/helio
`util/fibers/proactor_pool.cc`, tags v0.1.0 to v1.40. A test of v2 showed that it, too, needs 256
MiB per thread.
"""

import math
from collections.abc import Collection
from enum import Enum, auto

from infra.dragonfly.releases import NEWEST_READ, Release
from infra.dragonfly.sizes import format_human_readable
from qca.core.config import MAX_DRAGONFLY_THREADS
from qca.core.frozen import frozen_dataclass
from qca.core.units import MIB

# dfly_main.cc: all these releases have the same constant. Exactly this much memory is enough.
BYTES_PER_THREAD = 256 * MIB

# dfly_main.cc: the default of maxmemory, as a share of the available memory.
DEFAULT_SHARE = 0.8

# A snapshot raised resident memory to about a third above maxmemory:
# https://github.com/dragonflydb/dragonfly/issues/3658
SNAPSHOT_HEADROOM = 1.35

THREADS_NAMED = (0, 11, 0)
"""The first release whose error message names the threads and the memory."""
CGROUPS_READ = (1, 2, 0)
"""The first release that reads the cgroup's memory and CPU limits."""
FLAG_BEATS_QUOTA = (1, 38, 0)
"""The first release whose --proactor_threads overrides a CPU quota (dragonfly issue 4251)."""


V1_HIERARCHIES = frozenset({"cpu,cpuacct", "memory"})
"""The full names of the cgroup v1 hierarchies from which Dragonfly reads its limits (GetCGroupPath
in dfly_main.cc). If one of them is missing, it reads no limits at all."""


class StartFault(Enum):
    """A reason for which Dragonfly exits at startup."""

    TOO_MANY_THREADS = auto()
    TOO_LITTLE_MEMORY = auto()


@frozen_dataclass
class Threads:
    """The number of threads that Dragonfly would start, and what determines it."""

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
    """Return the number of threads that Dragonfly starts on a machine with `cpus` CPUs.

    Return None if the result depends on the number of CPUs and that is unknown. `quota` is the
    container's CPU limit. `flag` is the value of --proactor_threads or DFLY_proactor_threads; 0
    leaves the decision to Dragonfly, as it does on the command line.
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
    return Threads(cpus, f"one for {which} that it finds")


def _count_threads_by_quota(quota: float | None, cgroup_version: str) -> int:
    """Return the number of threads that a CPU quota allows; 0 means no limit.

    On cgroup v1 the quota is rounded down, so half a CPU also gives 0.
    """
    if quota is None:
        return 0
    return int(quota) if cgroup_version == "1" else math.ceil(quota)


def sees_limits(v1_hierarchies: Collection[str]) -> bool:
    """Return whether Dragonfly finds its container's limits in these cgroup v1 hierarchies."""
    return V1_HIERARCHIES.issubset(v1_hierarchies)


def compute_default_maxmemory(
    available: int, limit: int | None, release: Release = NEWEST_READ
) -> int:
    """Return Dragonfly's default maxmemory; v1.2 was the first to respect the container's limit."""
    if limit is not None and release >= CGROUPS_READ:
        available = min(available, limit)
    return int(DEFAULT_SHARE * available)


def compute_required_memory(thread_count: int) -> int:
    """Return the minimum maxmemory for a number of threads."""
    return thread_count * BYTES_PER_THREAD


def compute_max_threads(maxmemory: int) -> int:
    """Return the largest number of threads that start with `maxmemory`; it may be 0."""
    return min(maxmemory // BYTES_PER_THREAD, MAX_DRAGONFLY_THREADS)


def find_start_fault(thread_count: int, maxmemory: int) -> StartFault | None:
    """Return why Dragonfly would exit at startup, or None if it starts.

    Too many threads come first because no amount of memory is then enough, although Dragonfly
    checks the memory first.
    """
    if thread_count > MAX_DRAGONFLY_THREADS:
        return StartFault.TOO_MANY_THREADS
    if maxmemory < compute_required_memory(thread_count):
        return StartFault.TOO_LITTLE_MEMORY
    return None


def format_refusal(thread_count: int, release: Release = NEWEST_READ) -> str:
    """Return the message with which Dragonfly exits if maxmemory is too small."""
    if release < THREADS_NAMED:
        return "Max memory is less than 256MB per thread. Exiting..."
    needed = format_human_readable(compute_required_memory(thread_count))
    return f"There are {thread_count} threads, so {needed} are required. Exiting..."
