"""Requested GPU names are matched with those of the driver and the engine."""

from typing import Any

import pytest

from infra.host.facts import MigDevice
from infra.host.gpu_names import UnresolvedGpu, find_unresolved
from qca.core.units import GIB
from tests.support.hosts import driver, engine, gpu, toolkit

UUID, OTHER = (f"GPU-5a0b1c2d-0000-1111-2222-33334444555{n}" for n in (0, 1))
SLICE = "MIG-77aa1c2d-0000-1111-2222-333344445555"
NO_HOOK: dict[str, Any] = {"toolkit": None, "container_toolkit": toolkit()}
BY_NUMBER = ("nvidia.com/gpu=0", "nvidia.com/gpu=all")


def find(
    name: str, *devices: str, uuid: str = UUID, pci: str | None = None, **changes: Any
) -> UnresolvedGpu | None:
    one = gpu(
        pci_address=pci,
        uuid=uuid,
        mig_devices=(
            MigDevice(name="1g.10gb", uuid=SLICE, memory_total=10 * GIB, memory_free=GIB),
        ),
    )
    docker = engine(version="29.2.1", cdi_devices=devices)
    return find_unresolved(docker, driver(one, **changes), [name])


@pytest.mark.parametrize(
    "name", ["0", "all", "ALL", UUID, UUID.lower(), SLICE, "0:0"], ids=lambda name: name[:8]
)
def test_the_hook_knows_numbers_whole_uuids_and_slices(name):
    assert find(name) is None


@pytest.mark.parametrize(
    "name", ["1", OTHER, UUID[:12], "GPU-", "0:1", "1:0", "gpu0", "nvidia.com/gpu=0"]
)
def test_a_missing_gpu(name):
    assert find(name) == UnresolvedGpu(name, is_missing=True, by_cdi_only=False)


@pytest.mark.parametrize("name", ["0000:0A:00.0", "0:0a:00.0", "00000000:0a:00.0"])
def test_a_pci_address_may_be_short_or_long(name):
    assert find(name, pci="0000:0a:00.0") is None
    assert find(name, pci="0000:0b:00.0") == UnresolvedGpu(name, True, by_cdi_only=False)
    assert find(name, pci=None) == UnresolvedGpu(name, False, by_cdi_only=False)


def test_a_recorded_host_has_no_uuids_to_compare():
    assert find(UUID, uuid="GPU-1") == UnresolvedGpu(UUID, is_missing=False, by_cdi_only=False)
    assert find("gpu0", uuid="GPU-1") == UnresolvedGpu("gpu0", is_missing=True, by_cdi_only=False)
    recorded = find(UUID, *BY_NUMBER, "nvidia.com/gpu=GPU-1", uuid="GPU-1", **NO_HOOK)
    assert recorded == UnresolvedGpu(UUID, is_missing=False, by_cdi_only=True)


@pytest.mark.parametrize(
    ("name", "devices", "is_found"),
    [
        ("0", BY_NUMBER, True),
        ("nvidia.com/gpu=0", BY_NUMBER, True),
        (UUID, BY_NUMBER, False),  # a file from a toolkit before 1.15
        (UUID, (*BY_NUMBER, f"nvidia.com/gpu={UUID}"), True),
        ("0", ("nvidia.com/gpu=all",), False),  # WSL2
        ("all", ("nvidia.com/gpu=all",), True),
    ],
)
def test_without_the_hook_the_names_are_those_of_cdi_devices(name, devices, is_found):
    missing = None if is_found else UnresolvedGpu(name, is_missing=True, by_cdi_only=True)

    assert find(name, *devices, **NO_HOOK) == missing


def test_with_both_either_name_works():
    assert find(UUID, *BY_NUMBER, container_toolkit=toolkit()) is None
    assert find("nvidia.com/gpu=0", *BY_NUMBER, container_toolkit=toolkit()) is None


def test_a_missing_gpu_takes_precedence_over_an_uncertain_one():
    docker, one = engine(), driver(gpu(uuid=UUID))

    found = find_unresolved(docker, one, ["0000:01:00.0", "7"])

    assert found == UnresolvedGpu("7", is_missing=True, by_cdi_only=False)
