"""How Dragonfly decides at start-up: its threads, its memory, and whether it refuses.

Read from dragonflydb/dragonfly `src/server/dfly_main.cc` and romange/helio
`util/fibers/proactor_pool.cc`, `strings/human_readable.cc`, tags v0.1.0 to v1.40.
"""

import math
import re
from dataclasses import dataclass

from qca.core.units import KIB, MIB
from qca.core.versions import parse_version

# dfly_main.cc: the same constant in every release compared; equality passes.
BYTES_PER_THREAD = 256 * MIB

# dfly_main.cc: maxmemory when none is given, as a share of what is available.
DEFAULT_SHARE = 0.8

# A snapshot raised resident memory by about a third over maxmemory:
# https://github.com/dragonflydb/dragonfly/issues/3658
SNAPSHOT_HEADROOM = 1.35

# The newest release whose sources were read; an image without a version is taken for it.
NEWEST = (1, 40, 0)

THREADS_NAMED = (0, 11, 0)
"""First release whose refusal names threads and memory."""
CGROUPS_READ = (1, 2, 0)
"""First release that reads the cgroup's memory and CPU limits."""
STRICT_SIZES = (1, 36, 0)
"""First release that rejects what follows a size's unit."""
FLAG_BEATS_QUOTA = (1, 38, 0)
"""First release whose --proactor_threads wins over a CPU quota (dragonfly issue 4251)."""

Release = tuple[int, int, int]

_NUMBER = r"\d*\.?\d+(?:e[+-]?\d+)?"
_STRICT_SIZE = re.compile(rf"(?P<number>{_NUMBER})(?:(?P<unit>[kmgtpe])i?)?b?", re.IGNORECASE)
_LAX_SIZE = re.compile(rf"(?P<number>{_NUMBER})(?:(?P<unit>[kmgtpeb]).*)?", re.IGNORECASE)
_POWERS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}


@dataclass(frozen=True)
class Threads:
    """How many threads Dragonfly would start, and what made it that number."""

    count: int
    because: str


def parse_release(image: str) -> Release:
    """Return the release that an image's tag names; the newest known where it names none."""
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    numbers = parse_version(tag)
    if len(numbers) < len(NEWEST):
        return NEWEST
    major, minor, patch, *_ = numbers
    return major, minor, patch


def count_threads(
    cpus: int,
    *,
    quota: float | None = None,
    flag: int | None = None,
    cgroup_version: str = "2",
    release: Release = NEWEST,
) -> Threads:
    """Return how many threads Dragonfly starts where it sees `cpus` CPUs.

    `quota` is the container's CPU limit, `flag` the value of --proactor_threads or
    DFLY_proactor_threads; 0 means "decide yourself", as for Dragonfly.
    """
    by_quota = _count_threads_by_quota(quota, cgroup_version) if release >= CGROUPS_READ else 0
    if flag and (release >= FLAG_BEATS_QUOTA or not by_quota):
        return Threads(flag, f"--proactor_threads={flag}")
    if by_quota:
        beaten = f", which overrides --proactor_threads={flag} before v1.38" if flag else ""
        return Threads(by_quota, f"the CPU limit of {quota:g}{beaten}")
    which = "the only CPU" if cpus == 1 else f"each of the {cpus} CPUs"
    return Threads(cpus, f"one for {which} that it sees")


def _count_threads_by_quota(quota: float | None, cgroup_version: str) -> int:
    """Return 0 for "no limit"; on cgroup v1 Dragonfly truncates, so half a CPU is no limit."""
    if quota is None:
        return 0
    return int(quota) if cgroup_version == "1" else math.ceil(quota)


def compute_default_maxmemory(available: int, limit: int | None, release: Release = NEWEST) -> int:
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


def format_refusal(thread_count: int, release: Release = NEWEST) -> str:
    """Return the message with which Dragonfly exits."""
    if release < THREADS_NAMED:
        return "Max memory is less than 256MB per thread. Exiting..."
    needed = format_human_readable(compute_required_memory(thread_count))
    return f"There are {thread_count} threads, so {needed} are required. Exiting..."


def format_human_readable(size: int) -> str:
    """Return a size as Dragonfly's log prints it: ``4.00GiB``, ``512.0KiB``."""
    if size < KIB:
        return f"{size}B"
    if size < MIB:
        return f"{size / KIB:.1f}KiB"
    value, units = size / MIB, ["MiB", "GiB", "TiB", "PiB", "EiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    return f"{value:.2f}{units[0]}"


def read_size(text: str, release: Release = NEWEST) -> int | None:
    """Return the bytes that Dragonfly reads in `text`; None where it refuses to read it."""
    pattern = _STRICT_SIZE if release >= STRICT_SIZES else _LAX_SIZE
    match = pattern.fullmatch(text)
    if match is None:
        return None
    size = float(match["number"]) * 1024 ** _POWERS[(match["unit"] or "").lower()]
    return int(size) if size < 2**63 else None
