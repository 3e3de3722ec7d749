"""The GPUs for a training run, and the access of containers to them."""

from dataclasses import replace

import pytest

from infra.host.container_gpu import assess_gpu_access, select_training_gpus
from infra.host.facts import MigDevice
from qca.core.units import GIB
from tests.support.hosts import cdi_spec, driver, engine, gpu, toolkit

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
        ("GPU-aa", []),  # matches two GPUs, so CUDA uses neither
        ("MIG-9c", [2]),
        ("0,", [0]),
        ("0,1,0", []),
        ("0,7,0", [0]),
    ],
)
def test_a_process_gets_its_visible_gpus(visible, got):
    shown = driver(*GPUS, visible_devices=visible)

    assert [one.index for one in select_training_gpus(shown, "local", "all")] == got
    assert [one.index for one in select_training_gpus(shown, "local", 1)] == got[:1]
    assert [one.index for one in select_training_gpus(shown, "compose", "all")] == [0, 1, 2]


def test_a_container_gets_the_first_gpus():
    shown = driver(*reversed(GPUS))

    assert [one.index for one in select_training_gpus(shown, "compose", 2)] == [0, 1]


HOOK = "/usr/bin/nvidia-container-runtime-hook"
WITH_CDI = {"version": "29.2.1", "cdi_devices": ("nvidia.com/gpu=0",)}
ROOTLESS = {"security_options": ("name=rootless",)}
STALE, FRESH = cdi_spec(driver_version="535.183.01"), cdi_spec()
AT_RUN = "/var/run/cdi/nvidia.yaml"


@pytest.mark.parametrize(
    ("changes", "hook", "changed", "usable", "words"),
    [
        ({}, HOOK, {}, True, HOOK),
        ({"started": 1_700_000_001}, HOOK, {}, True, HOOK),
        ({"started": 1_699_999_999}, HOOK, {}, False, "only at startup"),
        # The runtime is registered, so the toolkit was installed earlier and upgraded since.
        ({"started": 1_699_999_999, "runtimes": ("nvidia", "runc")}, HOOK, {}, True, HOOK),
        ({"started": 1_699_999_999}, HOOK, {"hook_changed": None}, True, HOOK),
        (ROOTLESS, HOOK, {}, False, "rootless"),
        (ROOTLESS, HOOK, {"no_cgroups": True}, True, HOOK),
        ({}, HOOK, {"no_cgroups": True}, False, "`no-cgroups` is set"),
        (WITH_CDI, None, {"cdi_specs": (FRESH,)}, True, "CDI"),
        (WITH_CDI, None, {"cdi_specs": (STALE,)}, False, "describes driver 535.183.01"),
        (WITH_CDI, HOOK, {"cdi_specs": (STALE,)}, None, "hook instead"),
        (WITH_CDI, None, {"cdi_specs": (replace(FRESH, path=AT_RUN), STALE)}, True, "CDI"),
        (WITH_CDI, None, {"cdi_specs": (FRESH, replace(STALE, path=AT_RUN))}, False, AT_RUN),
        (WITH_CDI, None, {"cdi_specs": (cdi_spec(missing=("/dev/nvidia1",)),)}, False, "nvidia1"),
        (WITH_CDI, None, {"cdi_hook": None}, False, "without nvidia-cdi-hook"),
        (WITH_CDI, HOOK, {"cdi_hook": None}, True, HOOK),
        ({**WITH_CDI, "version": "29.1.3"}, None, {}, False, "before 29.2"),
    ],
)
def test_obstacles_between_a_container_and_its_gpu(changes, hook, changed, usable, words):
    shown = driver(gpu(), toolkit=hook, container_toolkit=toolkit(**changed))

    access = assess_gpu_access(engine(**changes), shown)

    assert access.usable is usable
    assert words in access.because
