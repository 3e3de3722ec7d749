"""An image's driver and GPU requirements are evaluated as in libnvidia-container."""

import pytest

from infra.doctor.analysis.cuda_requirement import is_met, list_requirements
from tests.support.hosts import driver, gpu

# Shortened from NVIDIA's images with CUDA 12.8.
CUDA_12_8 = (
    "cuda>=12.8 brand=unknown,driver>=470,driver<471 brand=tesla,driver>=470,driver<471 "
    "brand=tesla,driver>=535,driver<536"
)
GEFORCE, TESLA = "NVIDIA GeForce RTX 3050", "Tesla T4"


@pytest.mark.parametrize(
    ("requirement", "version", "cuda", "name", "expected"),
    [
        (CUDA_12_8, "570.26", (12, 8), GEFORCE, True),
        (CUDA_12_8, "580.95.05", (13, 0), GEFORCE, True),
        (CUDA_12_8, "560.28.03", (12, 6), GEFORCE, False),
        # The long-term support branches are allowed for some brands.
        (CUDA_12_8, "535.183.01", (12, 2), GEFORCE, False),
        (CUDA_12_8, "535.183.01", (12, 2), TESLA, None),
        (CUDA_12_8, "550.54.14", (12, 4), TESLA, False),
        ("cuda>=11.0,driver>=450", "450.80.02", (11, 0), GEFORCE, True),
        ("cuda>=11.0,driver>=450.80.03", "450.80.02", (11, 0), GEFORCE, False),
        ("driver=580", "580.0", (13, 0), GEFORCE, True),
        ("driver!=580", "580.0", (13, 0), GEFORCE, False),
        ("arch>=8.0", "580.1", (13, 0), GEFORCE, True),
        ("arch>=9.0", "580.1", (13, 0), GEFORCE, False),
        ("brand!=geforce", "580.1", (13, 0), GEFORCE, False),
        ("BRAND=GeForce", "580.1", (13, 0), GEFORCE, True),
        ("", "580.1", (13, 0), GEFORCE, True),
        (" , ", "580.1", (13, 0), GEFORCE, True),
        ("color=blue", "580.1", (13, 0), GEFORCE, None),
        ("cuda>=twelve", "580.1", (13, 0), GEFORCE, None),
        ("cuda>=12.8", "nonsense", (13, 0), GEFORCE, True),
        ("driver>=535", "nonsense", (13, 0), GEFORCE, None),
    ],
)
def test_a_requirement_is_met_or_not(requirement, version, cuda, name, expected):
    host = driver(driver_version=version, cuda_version=cuda)

    assert is_met(requirement, host, gpu(name=name)) is expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"PATH": "/bin", "NVIDIA_REQUIRE_CUDA": "cuda>=12"}, ["cuda>=12"]),
        ({"NVIDIA_REQUIRE_CUDA": "a", "NVIDIA_REQUIRE_DRIVER": "b"}, ["a", "b"]),
        ({"NVIDIA_REQUIRE_CUDA": ""}, []),
        ({"NVIDIA_REQUIRE_CUDA": "a", "NVIDIA_DISABLE_REQUIRE": "true"}, []),
        ({"NVIDIA_REQUIRE_CUDA": "a", "NVIDIA_DISABLE_REQUIRE": "0"}, ["a"]),
        ({}, []),
    ],
)
def test_requirements_are_variables_and_can_be_switched_off(variables, expected):
    assert list_requirements(variables) == expected
