"""The CPUs of this host, and those that this process may use."""

import os

import pytest

from infra.host.errors import ProbeError
from infra.host.probes import cpu


def test_a_smaller_mask_counts() -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system has no affinity masks")
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert (cpu.probe().affinity, cpu.probe().online) == (1, os.cpu_count())
    finally:
        os.sched_setaffinity(0, before)


def test_a_system_that_does_not_report_its_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    with pytest.raises(ProbeError, match="number of CPUs"):
        cpu.probe()
