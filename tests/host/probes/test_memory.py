"""The host's memory and its limit are read."""

from pathlib import Path

import psutil

from infra.host.probes import memory


def test_memory_is_the_kernels() -> None:
    found = memory.probe(Path("/nowhere"))
    assert found.total == psutil.virtual_memory().total
    assert 0 < found.available <= found.total
    assert found.cgroup_limit is None
