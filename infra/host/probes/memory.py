"""Read the host's memory and the cgroup's memory limit."""

from pathlib import Path

from infra.host.errors import ProbeError
from infra.host.facts import MemoryFacts
from infra.host.probes import cgroup


def probe(root: Path = Path("/")) -> MemoryFacts:
    """Return the memory of this host and the limit of this process's cgroup."""
    import psutil

    memory = psutil.virtual_memory()
    if not 0 <= memory.available <= memory.total or not memory.total:
        account = f"{memory.available} bytes available of {memory.total}"
        raise ProbeError(f"the system reports impossible memory figures: {account}")
    return MemoryFacts(
        total=memory.total,
        available=memory.available,
        cgroup_limit=cgroup.read_memory_limit(root),
        swap=psutil.swap_memory().total,
    )
