"""The health of a GPU, and the properties that NVML does not report."""

from dataclasses import replace
from typing import Any

import pytest

from infra.host.facts import GpuHealth
from infra.host.probes.gpu_health import read_gpu_health
from tests.support.fake_nvml import Device, FakeNvml, NVMLError

SOUND = GpuHealth(
    slowed_by=(),
    pcie_width=16,
    pcie_most_width=16,
    memory_errors=0,
    memory_repair="none",
)
NOT_SUPPORTED = NVMLError(FakeNvml.NVML_ERROR_NOT_SUPPORTED)
NOT_FOUND = NVMLError(FakeNvml.NVML_ERROR_FUNCTION_NOT_FOUND)
DENIED = NVMLError(FakeNvml.NVML_ERROR_NO_PERMISSION)
CLOCKS = "nvmlDeviceGetCurrentClocksEventReasons"
OLD_CLOCKS = "nvmlDeviceGetCurrentClocksThrottleReasons"
ROWS, PAGES = "nvmlDeviceGetRemappedRows", "nvmlDeviceGetRetiredPagesPendingStatus"
ERRORS = "nvmlDeviceGetTotalEccErrors"
WIDTH, MOST_WIDTH = "nvmlDeviceGetCurrPcieLinkWidth", "nvmlDeviceGetMaxPcieLinkWidth"


@pytest.mark.parametrize(
    ("answers", "changes"),
    [
        ({}, {}),
        # Idle, at its power limit, or at user-set clocks: all of these are healthy.
        ({CLOCKS: 0x1 | 0x2 | 0x4 | 0x100}, {}),
        ({CLOCKS: 0x8 | 0x40}, {"slowed_by": ("hardware slowdown", "hardware thermal slowdown")}),
        ({CLOCKS: 0x20}, {"slowed_by": ("software thermal slowdown",)}),
        ({CLOCKS: NOT_FOUND, OLD_CLOCKS: 0x80}, {"slowed_by": ("power brake",)}),
        ({WIDTH: 4}, {"pcie_width": 4}),
        ({ERRORS: 3}, {"memory_errors": 3}),
        ({ROWS: (0, 1, 1, 0)}, {"memory_repair": "pending"}),
        ({ROWS: (0, 9, 1, 1)}, {"memory_repair": "failed"}),
        ({ROWS: NOT_SUPPORTED, PAGES: 1}, {"memory_repair": "pending"}),
        # A GeForce has neither ECC nor row remapping, and a laptop's may have no PCIe link.
        (
            {ERRORS: NOT_SUPPORTED, ROWS: NOT_SUPPORTED, PAGES: NOT_SUPPORTED},
            {"memory_errors": None, "memory_repair": None},
        ),
        (
            {WIDTH: NOT_SUPPORTED, MOST_WIDTH: NOT_SUPPORTED},
            {"pcie_width": None, "pcie_most_width": None},
        ),
        # Properties that may exist but are not reported are named.
        ({ERRORS: DENIED}, {"memory_errors": None, "untold": ("memory errors",)}),
        ({CLOCKS: NOT_FOUND, OLD_CLOCKS: NOT_FOUND}, {"slowed_by": None, "untold": ("clocks",)}),
        (
            {WIDTH: DENIED, MOST_WIDTH: DENIED, ROWS: DENIED},
            {
                "pcie_width": None,
                "pcie_most_width": None,
                "memory_repair": None,
                "untold": ("PCIe", "memory repair"),
            },
        ),
        # An answer of another type does not affect the others.
        ({ERRORS: -1}, {"memory_errors": None, "untold": ("memory errors",)}),
        (
            {WIDTH: "x16", ROWS: 7},
            {"pcie_width": None, "memory_repair": None, "untold": ("PCIe", "memory repair")},
        ),
    ],
)
def test_the_health_of_a_gpu(answers: dict[str, Any], changes: dict[str, Any]) -> None:
    device = Device(answers=answers)

    assert read_gpu_health(FakeNvml(device), device) == replace(SOUND, **changes)
