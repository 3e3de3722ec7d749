"""Which GPUs a training gets of those that the driver shows."""

import pytest

from infra.host.container_gpu import select_training_gpus
from infra.host.facts import MigDevice
from qca.core.units import GIB
from tests.support.hosts import driver, gpu

SLICE = MigDevice(name="1g.10gb", uuid="MIG-9c", memory_total=10 * GIB, memory_free=GIB)
GPUS = (
    gpu(uuid="GPU-aa01"),
    gpu(index=1, uuid="GPU-aa02"),
    gpu(index=2, uuid="GPU-b3", mig=True, mig_devices=(SLICE,)),
)


@pytest.mark.parametrize(
    ("visible", "got"),
    [
        (None, [0, 1, 2]),
        ("", []),
        ("-1", []),
        ("2,0", [2, 0]),
        (" 1 , 0 ", [1, 0]),
        ("1,7,0", [1]),
        ("GPU-aa02", [1]),
        ("GPU-b", [2]),
        ("GPU-aa", []),  # of two GPUs: CUDA takes neither
        ("MIG-9c", [2]),
        ("0,", [0]),
        ("0,1,0", []),
        ("0,7,0", [0]),
    ],
)
def test_a_process_gets_those_that_it_is_shown(visible, got):
    shown = driver(*GPUS, visible_devices=visible)

    assert [one.index for one in select_training_gpus(shown, "local", "all")] == got
    assert [one.index for one in select_training_gpus(shown, "local", 1)] == got[:1]
    assert [one.index for one in select_training_gpus(shown, "compose", "all")] == [0, 1, 2]


def test_a_container_gets_the_first():
    shown = driver(*reversed(GPUS))

    assert [one.index for one in select_training_gpus(shown, "compose", 2)] == [0, 1]
