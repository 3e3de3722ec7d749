"""The CPUs of this host, and those that this process may use."""

import os
from pathlib import Path

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


ARM64 = "processor\t: {0}\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\n\n"


@pytest.mark.parametrize(
    ("cpuinfo", "features"),
    [
        (ARM64.format(0) + ARM64.format(1), ("fp", "asimd", "evtstrm", "crc32", "cpuid")),
        ("processor\t: 0\nflags\t\t: fpu sse4_1 popcnt avx2\n", None),
        ("processor\t: 0\nFeatures\t: half thumb fastmult vfp neon vfpv4 crc32\n", None),
        ("", None),
        (None, None),
    ],
)
def test_the_features_of_an_arm64_cpu(tmp_path: Path, cpuinfo: str | None, features: object):
    (tmp_path / "proc").mkdir()
    if cpuinfo is not None:
        (tmp_path / "proc/cpuinfo").write_text(cpuinfo)

    assert cpu.probe(tmp_path).features == features
