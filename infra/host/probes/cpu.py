"""Count the hardware threads, and those that this process may use."""

import os
from pathlib import Path

from infra.host.errors import ProbeError
from infra.host.facts import CpuFacts
from infra.host.probes import cgroup


def probe(root: Path = Path("/")) -> CpuFacts:
    """Return the CPUs of this host, of this process's affinity mask, and of its cgroup."""
    online = os.cpu_count()
    if online is None:
        raise ProbeError("the system does not report its number of CPUs")
    return CpuFacts(
        online=online, affinity=_count_affinity(online), cgroup_quota=cgroup.read_cpu_quota(root)
    )


def _count_affinity(online: int) -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return online  # macOS has no affinity masks
