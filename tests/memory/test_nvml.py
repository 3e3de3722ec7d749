"""Read the GPUs' memory from NVML, or nothing if it is not available; always close it."""

import sys

import pytest

from qca.core.units import GIB
from qca.memory.nvml import list_gpu_memory_holders, read_free_gpu_memory
from tests.support.fake_nvml import Device, FakeNvml, Memory, Process


def free(size: int) -> Device:
    return Device(memory=Memory(4 * GIB, size))


@pytest.mark.parametrize(
    ("nvml", "size"),
    [
        (FakeNvml(free(2 * GIB)), 2 * GIB),
        (FakeNvml(free(2 * GIB), free(3 * GIB)), 3 * GIB),
        (FakeNvml(), None),
        (FakeNvml(free(GIB), init_error=FakeNvml.NVML_ERROR_DRIVER_NOT_LOADED), None),
        (FakeNvml(free(GIB), lost=True), None),
        (FakeNvml(Device(memory=FakeNvml.NVML_ERROR_NOT_SUPPORTED)), None),
    ],
    ids=["one", "two", "none", "no driver", "lost", "shares the host's memory"],
)
def test_the_budget_is_that_of_the_gpu_with_the_most_free_memory(
    nvml: FakeNvml, size: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml)  # type: ignore[arg-type]
    assert read_free_gpu_memory() == size
    assert not nvml.open


def test_the_processes_that_hold_memory_are_listed_largest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nvml = FakeNvml(
        Device(computing=[Process(7, GIB), Process(8, None)]),
        Device(computing=[Process(9, 2 * GIB)]),
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)  # type: ignore[arg-type]
    assert list_gpu_memory_holders() == [(9, 2 * GIB), (7, GIB), (8, 0)]
    assert not nvml.open
