"""Count the hardware threads and those that this process may use, and read their features."""

import os
from pathlib import Path

from infra.host.errors import ProbeError
from infra.host.facts import CpuFacts
from infra.host.files import read_text
from infra.host.probes import cgroup


def probe(root: Path = Path("/")) -> CpuFacts:
    """Return the CPUs of this host, of this process's affinity mask, and of its cgroup."""
    online = os.cpu_count()
    if online is None:
        raise ProbeError("the system does not report its number of CPUs")
    return CpuFacts(
        online=online,
        affinity=_count_affinity(online),
        cgroup_quota=cgroup.read_cpu_quota(root),
        features=_read_arm64_features(root),
    )


def _count_affinity(online: int) -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return online  # macOS has no affinity masks


def _read_arm64_features(root: Path) -> tuple[str, ...] | None:
    """Return the features that all CPUs have; None on other machines or if they are not readable.

    Every arm64 CPU has `asimd`; a 32-bit Arm kernel lists other features under the same key.
    """
    try:
        lines = read_text(root / "proc/cpuinfo").splitlines()
    except ProbeError:
        return None
    listed = (line.partition(":")[2] for line in lines if line.startswith("Features"))
    features = tuple(next(listed, "").split())
    return features if "asimd" in features else None
