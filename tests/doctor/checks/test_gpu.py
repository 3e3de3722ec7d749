"""QCA4xx: the GPU, layer by layer."""

from dataclasses import replace
from typing import Any

import pytest

from infra.host.facts import (
    HostFacts,
    NoGpuDriver,
    RefusedGpu,
    Xid,
)
from qca.core.units import MIB
from tests.support.hosts import (
    BROKEN_GPU_CONTAINERS,
    PYTHON,
    SOUND,
    WSL_SYSTEM,
    driver,
    engine,
    gpu,
    host,
    judge,
    no_engine,
    one,
    process,
    toolkit,
)
from tests.support.verdicts import (
    COMPOSE,
    CUDA,
    ERROR,
    INFO,
    LOCAL,
    OK,
    SKIPPED,
    WARNING,
    HostCase,
    assert_host_verdict,
    gpu_host,
    snap_host,
)

TWO_GPUS: dict[str, Any] = {"gpus": 2}
CUDA_12_8 = {"base_image": "pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime"}
CUDA_11_8 = {"base_image": "pytorch/pytorch:2.3.0-cuda11.8-cudnn8-runtime"}

BUS = Xid(code=79, pci_address="0000:0a:00", count=1)

GPU_1 = gpu(index=1, uuid="GPU-1")


def _cdi_host(version: str) -> HostFacts:
    docker = engine(version=version, cdi_devices=("nvidia.com/gpu=0", "nvidia.com/gpu=all"))
    return host(gpu=driver(gpu(), toolkit=None), docker=docker)


def _broken(name: str) -> HostFacts:
    changes, facts = BROKEN_GPU_CONTAINERS[name]
    return gpu_host(docker=engine(**changes), **facts)


def _reload(**changes: Any) -> HostFacts:
    """Return a host whose engine uses systemd's cgroups, with these changes to the toolkit."""
    return gpu_host(docker=engine(cgroup_driver="systemd"), container_toolkit=toolkit(**changes))


# NixOS/nixos-hardware 1880, NVIDIA/open-gpu-kernel-modules 862, zzzhouuu/truenas-nvidia-drivers 20
TOO_OLD = RefusedGpu(name="NVIDIA GeForce GTX 1050", needs="older-driver", branch="580")
REFUSED_GPUS = [
    (host(gpu=NoGpuDriver(state="not-loaded", detail="x", refused_gpus=(TOO_OLD,))), "branch 580"),
    (
        host(gpu=driver(refused_gpus=(RefusedGpu(name="10de:2b85", needs="open-module"),))),
        "needs NVIDIA's open kernel module",
    ),
    (
        host(gpu=driver(refused_gpus=(RefusedGpu(name="10de:1bb3", needs="proprietary-module"),))),
        "needs NVIDIA's proprietary kernel module; the open one is loaded",
    ),
]


def _blocked(state: Any, **changes: Any) -> HostFacts:
    return host(gpu=NoGpuDriver(state=state, detail="x", **changes))


def _module(**changes: Any) -> HostFacts:
    """Return a host with Secure Boot whose kernel has not loaded NVIDIA's module."""
    values = {"module": "/lib/modules/6.8.0/updates/dkms/nvidia.ko", "secure_boot": True}
    return _blocked("not-loaded", **{**values, **changes})


def _toolkit(version: str) -> HostFacts:
    return gpu_host(container_toolkit=toolkit(version=version))


def _old_cdi(version: str) -> HostFacts:
    """Return a host with CDI devices but no hook of the toolkit."""
    docker = engine(version="29.4.0", cdi_devices=("nvidia.com/gpu=0",))
    tools = toolkit(version=version, cdi_hook=None)
    return gpu_host(docker=docker, toolkit="/usr/bin/nvidia-ctk", container_toolkit=tools)


def _condition(**changes: Any) -> HostFacts:
    """Return a host with one GPU, whose health differs from a sound one by these changes."""
    return gpu_host(gpu(health=replace(SOUND, **changes)))


NO_DEVICE = NoGpuDriver(state="no-device", detail="no card on the PCI bus")

CASES = [
    HostCase("QCA401", _broken("not-restarted"), WARNING, "looks for it only at startup", COMPOSE),
    HostCase("QCA401", _broken("stale-cdi"), WARNING, "describes driver 535.183.01, but", COMPOSE),
    HostCase("QCA401", _broken("no-numbers"), ERROR, "unresolvable CDI", COMPOSE, CUDA),
    HostCase("QCA401", _broken("needs-no-cgroups"), WARNING, "operation not permitted", COMPOSE),
    HostCase("QCA401", _broken("no-cgroups"), ERROR, "NVML: Unknown Error", COMPOSE, CUDA),
    HostCase("QCA401", _broken("lost-on-reload"), OK, "", COMPOSE),
    HostCase(
        "QCA401",
        gpu_host(docker=engine(operating_system="Docker Desktop")),
        ERROR,
        "no access to an NVIDIA GPU",
        COMPOSE,
        CUDA,
    ),
    HostCase("QCA401", host(system=WSL_SYSTEM, gpu=NO_DEVICE), WARNING, "/dev/dxg"),
    HostCase(
        "QCA401",
        host(system=replace(WSL_SYSTEM, wsl_gpu=None), gpu=NO_DEVICE),
        INFO,
        "This host has no NVIDIA GPU",
    ),
    HostCase("QCA401", _blocked("no-driver", nouveau=True), WARNING, "with nouveau"),
    HostCase("QCA401", _blocked("not-loaded", nouveau=True), WARNING, "with nouveau"),
    HostCase("QCA401", _blocked("not-loaded", secure_boot=True), WARNING, "Secure Boot allows"),
    HostCase(
        "QCA401",
        _module(module_refusal=None),
        WARNING,
        "Cannot determine whether the kernel refused",
    ),
    HostCase("QCA401", _module(module_refusal=""), WARNING, "is not loaded.\nWhy: x"),
    HostCase("QCA401", _module(module_refusal="", module_signed=False), WARNING, "no signature"),
    HostCase("QCA401", _module(module_refusal="Loading of unsigned"), WARNING, "log: Loading of"),
    HostCase(
        "QCA401", _module(secure_boot=None, module_signed=False), WARNING, "is not loaded.\nWhy: x"
    ),
    HostCase("QCA401", _module(module=""), WARNING, "no module for the running kernel"),
    HostCase("QCA401", _blocked("no-driver", secure_boot=True), WARNING, "no driver for"),
    HostCase("QCA401", _blocked("no-device", nouveau=True), INFO, "no NVIDIA GPU"),
    HostCase("QCA406", _reload(), OK, "links", COMPOSE),
    HostCase("QCA406", _reload(char_links=False), WARNING, "systemctl daemon-reload", COMPOSE),
    HostCase("QCA406", gpu_host(docker=engine(cgroup_driver="cgroupfs")), OK, "", COMPOSE),
    HostCase("QCA406", gpu_host(docker=engine(cgroup_driver="systemd")), SKIPPED, "", COMPOSE),
    HostCase("QCA406", gpu_host(), SKIPPED, "not recorded", COMPOSE),
    # A host without a GPU is not a fault.
    HostCase("QCA401", host(), INFO, "no NVIDIA GPU"),
    HostCase("QCA401", host(), ERROR, "no NVIDIA GPU", train=CUDA),
    HostCase(
        "QCA401", host(gpu=NoGpuDriver(state="no-driver", detail="x")), WARNING, "no driver for"
    ),
    HostCase(
        "QCA401", host(gpu=NoGpuDriver(state="not-loaded", detail="x")), WARNING, "not loaded"
    ),
    HostCase(
        "QCA401",
        host(gpu=NoGpuDriver(state="no-permission", detail="x")),
        WARNING,
        "not allowed to",
    ),
    HostCase(
        "QCA401",
        host(gpu=NoGpuDriver(state="version-mismatch", detail="x")),
        ERROR,
        "different versions",
        train=CUDA,
    ),
    HostCase("QCA401", gpu_host(), OK, "dockerd finds"),
    HostCase("QCA401", gpu_host(toolkit=None), WARNING, "Toolkit is not installed"),
    HostCase("QCA401", gpu_host(toolkit=None), ERROR, "could not select device driver", train=CUDA),
    # Engine 29.2 is the first that uses CDI devices for the driver `nvidia`.
    HostCase("QCA401", _cdi_host("29.2.0"), OK, "CDI devices"),
    HostCase("QCA401", _cdi_host("28.5.2"), ERROR, "before 29.2", train=CUDA),
    HostCase(
        "QCA401",
        gpu_host(toolkit="/usr/bin/nvidia-ctk"),
        ERROR,
        "not the toolkit's hook",
        train=CUDA,
    ),
    HostCase(
        "QCA401",
        host(gpu=driver(gpu(), toolkit=None), docker=engine(runtimes=("nvidia",))),
        SKIPPED,
        "not on this user's PATH",
    ),
    HostCase(
        "QCA401",
        host(
            gpu=driver(gpu(), toolkit=None), docker=engine(host="ssh://there", runtimes=("nvidia",))
        ),
        OK,
    ),
    HostCase(
        "QCA401",
        host(gpu=driver(gpu(), toolkit=None), docker=engine(host="ssh://there")),
        SKIPPED,
        "another machine",
    ),
    HostCase("QCA401", gpu_host(toolkit=None), OK, "local run", LOCAL),
    HostCase("QCA401", host(gpu=driver()), WARNING, "does not show a GPU"),
    *(HostCase("QCA401", facts, WARNING, says) for facts, says in REFUSED_GPUS),
    HostCase("QCA401", host(gpu=driver(gpu(), refused_gpus=(TOO_OLD,))), OK, "", LOCAL),
    # The snap cannot see the host's toolkit and contains its own.
    HostCase(
        "QCA401",
        replace(snap_host(), gpu=gpu_host().gpu),
        ERROR,
        "has not set up its",
        COMPOSE,
        CUDA,
    ),
    HostCase(
        "QCA401",
        replace(snap_host(runtimes=("nvidia",)), gpu=gpu_host().gpu),
        SKIPPED,
        "its own toolkit",
    ),
    HostCase(
        "QCA401",
        replace(snap_host(runtimes=("nvidia",), version="29.3.1"), gpu=gpu_host().gpu),
        ERROR,
        "clashes with this host's",
        COMPOSE,
        CUDA,
    ),
    HostCase("QCA401", host(gpu="NVML hung"), SKIPPED, "NVML hung"),
    HostCase("QCA402", host(), OK, "on the CPU"),
    HostCase("QCA402", gpu_host(), OK, "fits"),
    HostCase("QCA402", gpu_host(gpu(memory_free=300 * MIB)), ERROR, "300 MiB of 3.68 GiB free"),
    HostCase(
        "QCA402",
        gpu_host(gpu(memory_free=300 * MIB, processes=(process(),))),
        ERROR,
        "python3 (pid 4242, 3 GiB)",
    ),
    HostCase("QCA402", gpu_host(), ERROR, "the budget of 1 GiB", train={"budget": "1GiB"}),
    HostCase("QCA402", gpu_host(gpu(mig=True)), ERROR, "without slices"),
    HostCase("QCA402", host(gpu="NVML hung"), SKIPPED, "NVML hung"),
    HostCase("QCA403", gpu_host(), OK),
    HostCase("QCA403", gpu_host(driver_version="535.183.01"), ERROR, "580.65.06"),
    HostCase("QCA403", gpu_host(), SKIPPED, "is unknown", {"base_image": "mine:1"}),
    HostCase("QCA403", gpu_host(driver_version="470.1"), OK, "CUDA 11.8", CUDA_11_8),
    HostCase("QCA403", gpu_host(driver_version="440.1"), ERROR, "450.80.02", CUDA_11_8),
    HostCase("QCA403", gpu_host(driver_version="unknown"), SKIPPED, "'unknown' can run CUDA 13.0"),
    HostCase("QCA403", host(gpu="NVML hung"), SKIPPED),
    HostCase("QCA404", gpu_host(), OK),
    HostCase("QCA404", gpu_host(gpu(compute_capability=(8, 9))), OK),
    HostCase("QCA404", gpu_host(gpu(compute_capability=(12, 1))), OK),
    HostCase("QCA404", gpu_host(gpu(compute_capability=(6, 1))), ERROR, "no code for"),
    HostCase(
        "QCA404",
        gpu_host(gpu(compute_capability=(6, 1))),
        OK,
        "",
        {"base_image": "pytorch/pytorch:2.13.0-cuda12.6-cudnn9-runtime"},
    ),
    HostCase(
        "QCA404",
        gpu_host(gpu(compute_capability=(12, 0))),
        ERROR,
        "no code for",
        {"base_image": "pytorch/pytorch:2.13.0-cuda12.6-cudnn9-runtime"},
    ),
    HostCase("QCA404", gpu_host(), SKIPPED, "Cannot determine", {"base_image": "mine:1"}),
    # With CUDA 12.8, some releases of PyTorch have code for Volta, but none has code for Pascal.
    HostCase("QCA404", gpu_host(gpu(compute_capability=(7, 0))), SKIPPED, "CUDA 12.8", CUDA_12_8),
    HostCase("QCA404", gpu_host(gpu(compute_capability=(6, 1))), ERROR, "no code for", CUDA_12_8),
    HostCase("QCA408", gpu_host(), OK, "NVIDIA GeForce RTX 3050: no fault reported"),
    HostCase(
        "QCA408", _condition(memory_errors=2), INFO, "2 memory errors that ECC could not correct"
    ),
    HostCase(
        "QCA408", _condition(memory_errors=1), INFO, "1 memory error that ECC could not correct"
    ),
    HostCase("QCA408", _condition(memory_repair="pending"), INFO, "at the next reset"),
    HostCase("QCA408", _condition(memory_repair="failed"), INFO, "Replace the card"),
    HostCase(
        "QCA408",
        _condition(slowed_by=("power brake",)),
        INFO,
        "currently slowed down by power brake.",
    ),
    HostCase("QCA408", _condition(pcie_width=1), INFO, "only 1 of the 8 PCIe lanes"),
    HostCase("QCA408", _condition(pcie_width=None), OK, "no fault reported"),
    HostCase("QCA408", gpu_host(xids=(BUS,)), INFO, "The card at 0000:0a:00: the kernel log has"),
    HostCase(
        "QCA408",
        gpu_host(gpu(pci_address="0000:0a:00.0"), xids=(BUS,)),
        INFO,
        "NVIDIA GeForce RTX 3050: the kernel log has Xid 79 once (the GPU fell off the bus)",
    ),
    HostCase(
        "QCA408",
        gpu_host(xids=(replace(BUS, code=999, count=3),)),
        INFO,
        "Xid 999 3 times (see NVIDIA's list)",
    ),
    HostCase("QCA408", gpu_host(xids=None), SKIPPED, "the kernel log was not recorded"),
    HostCase("QCA408", gpu_host(gpu(health=None)), SKIPPED, "it was not recorded"),
    HostCase(
        "QCA408",
        _condition(untold=("clocks", "PCIe"), slowed_by=None),
        SKIPPED,
        "clocks and PCIe of NVIDIA GeForce RTX 3050 (not reported by NVML)",
    ),
    HostCase("QCA408", host(gpu="NVML hung"), SKIPPED, "NVML hung"),
    HostCase("QCA409", _toolkit("1.17.8"), OK, "1.17.8", COMPOSE),
    HostCase("QCA409", _toolkit("1.17.7"), WARNING, "does not rewrite the CDI file", COMPOSE),
    HostCase("QCA409", _toolkit("1.14.6"), WARNING, "nor include nvidia-cdi-hook", COMPOSE),
    HostCase("QCA409", _toolkit("1.11.0"), WARNING, "create the links in /dev/char", COMPOSE),
    HostCase("QCA409", _toolkit(""), SKIPPED, "does not print it", COMPOSE),
    HostCase("QCA409", _toolkit("dev"), SKIPPED, "does not print it", COMPOSE),
    HostCase("QCA409", gpu_host(), SKIPPED, "not recorded", COMPOSE),
    HostCase("QCA409", host(gpu="NVML hung"), SKIPPED, "NVML hung", COMPOSE),
    HostCase("QCA401", _old_cdi("1.14.6"), WARNING, "1.14.6 has none; it came with 1.16", COMPOSE),
    HostCase(
        "QCA401", _old_cdi("1.18.1"), WARNING, "does not use CDI devices for the request.", COMPOSE
    ),
    # QCA405 applies to more than one GPU; QCA401 covers a single one.
    HostCase(
        "QCA405",
        gpu_host(gpu(), GPU_1),
        OK,
        "asks for 2 GPUs, and training can use 2",
        TWO_GPUS,
    ),
    HostCase(
        "QCA405",
        gpu_host(),
        ERROR,
        "asks for 2 GPUs, but training can only use 1 here",
        TWO_GPUS,
    ),
    HostCase("QCA405", host(), ERROR, "can only use 0 here.\nno NVIDIA card", TWO_GPUS),
    HostCase("QCA405", host(gpu=driver()), ERROR, "can only use 0", TWO_GPUS, CUDA),
    HostCase(
        "QCA405",
        gpu_host(gpu(), GPU_1, visible_devices="1"),
        ERROR,
        "The driver shows 2; CUDA_VISIBLE_DEVICES=1 exposes 1",
        {**LOCAL, **TWO_GPUS},
    ),
    HostCase(
        "QCA405",
        gpu_host(gpu(), GPU_1, visible_devices=""),
        ERROR,
        "CUDA_VISIBLE_DEVICES= exposes 0",
        {**LOCAL, **TWO_GPUS},
    ),
    HostCase(
        "QCA405", gpu_host(gpu(), GPU_1, visible_devices="1,0"), OK, "", {**LOCAL, **TWO_GPUS}
    ),
    # CUDA_VISIBLE_DEVICES in the shell affects a local run, but not containers.
    HostCase(
        "QCA405", gpu_host(gpu(), GPU_1, visible_devices="1"), OK, "", {**COMPOSE, **TWO_GPUS}
    ),
    HostCase(
        "QCA405",
        host(gpu=driver(gpu()), docker=engine(host="ssh://there")),
        SKIPPED,
        "runs on another machine",
        {**COMPOSE, **TWO_GPUS},
    ),
    HostCase(
        "QCA405",
        host(gpu=driver(gpu()), docker=no_engine("not-running")),
        SKIPPED,
        "no engine answered",
        {**COMPOSE, **TWO_GPUS},
    ),
    HostCase("QCA405", gpu_host(gpu(mig=True), GPU_1), SKIPPED, "MIG mode", TWO_GPUS),
    HostCase("QCA405", host(gpu="NVML hung"), SKIPPED, "NVML hung", TWO_GPUS),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_host(case: HostCase):
    assert_host_verdict(case)


@pytest.mark.parametrize("stack", [{}, {"gpus": 1}, {"gpus": "all"}])
@pytest.mark.parametrize("facts", [host(), gpu_host()])
def test_one_gpu_or_all_need_no_count(facts, stack):
    assert judge(facts, "QCA405", stack=stack) == []


def test_a_run_on_the_cpu_requests_no_gpus():
    assert judge(gpu_host(), "QCA405", stack=TWO_GPUS, train={"device": "cpu"}) == []


@pytest.mark.parametrize(
    ("facts", "stack", "first"),
    [
        (gpu_host(), {}, "QCA_STACK_GPUS=all qca up"),
        (host(), {}, "QCA_TRAIN_DEVICE=cpu qca up"),
        (gpu_host(gpu(), GPU_1, visible_devices="0"), LOCAL, "unset CUDA_VISIBLE_DEVICES"),
        (gpu_host(visible_devices="-1"), LOCAL, "QCA_TRAIN_DEVICE=cpu qca up"),
    ],
)
def test_too_few_gpus_get_the_next_step(facts, stack, first):
    finding = one(facts, "QCA405", stack={**stack, **TWO_GPUS})

    assert finding.remedies[0].commands == (first,)


def test_hidden_gpus_do_not_count_for_a_local_run():
    hidden = gpu_host(visible_devices="-1")

    finding = one(hidden, "QCA401", stack=LOCAL)

    assert finding.severity is WARNING
    assert "CUDA_VISIBLE_DEVICES=-1" in finding.message


WHEEL = (
    "-P -m pip install --force-reinstall 'torch~=2.13.0' "
    "--index-url https://download.pytorch.org/whl/"
)
CUDA_13 = replace(PYTHON, torch_cuda="13.0")


@pytest.mark.parametrize(
    ("check", "facts"),
    [
        ("QCA403", {"driver_version": "535.274.02"}),
        ("QCA404", {"gpus": (gpu(compute_capability=(6, 1)),)}),
    ],
)
def test_a_local_run_gets_the_wheel_that_runs_here_and_containers_the_image(check, facts):
    machine = host(gpu=replace(driver(gpu()), **facts), python=CUDA_13)

    local = one(machine, check, stack=LOCAL, train=CUDA)
    containers = one(machine, check, stack=COMPOSE, train=CUDA)

    assert local.remedies[-1].commands == (f"{PYTHON.executable} {WHEEL}cu126",)
    assert "cuda12.6" in containers.remedies[-1].commands[0]


def test_no_build_is_offered_if_none_would_run():
    blackwell = driver(gpu(compute_capability=(12, 0)), driver_version="535.274.02")

    finding = one(host(gpu=blackwell, python=CUDA_13), "QCA403", stack=COMPOSE, train=CUDA)

    assert [remedy.commands for remedy in finding.remedies] == [()]


EIGHT = [gpu(index=number, uuid=f"GPU-{number}", name="NVIDIA L4") for number in range(8)]
NARROW = replace(SOUND, pcie_width=4)


@pytest.mark.parametrize(
    ("check", "gpus", "messages"),
    [
        ("QCA401", EIGHT, ["Containers can use GPUs 0-7 (NVIDIA L4)"]),
        ("QCA404", EIGHT, ["has code for GPUs 0-7 (NVIDIA L4, compute capability 8.6)."]),
        (
            "QCA404",
            [*EIGHT[:2], replace(EIGHT[2], compute_capability=(6, 1)), EIGHT[3]],
            [
                "has code for GPUs 0-1, 3 (NVIDIA L4, compute capability 8.6).",
                "has no code for GPU 2 (NVIDIA L4, compute capability 6.1).",
            ],
        ),
        ("QCA408", EIGHT, ["GPUs 0-7 (NVIDIA L4): no fault reported"]),
        (
            "QCA408",
            [*EIGHT[:6], *(replace(one, health=NARROW) for one in EIGHT[6:])],
            ["GPUs 6-7 (NVIDIA L4): only 4 of the 8 PCIe lanes"],
        ),
        (  # two counts of errors are not one
            "QCA408",
            [replace(one, health=replace(SOUND, memory_errors=2)) for one in EIGHT[:2]],
            ["GPU 0 (NVIDIA L4): 2 memory errors", "GPU 1 (NVIDIA L4): 2 memory errors"],
        ),
        (
            "QCA408",
            [replace(one, health=replace(SOUND, untold=("clocks",))) for one in EIGHT],
            ["clocks of GPUs 0-7 (NVIDIA L4) (not reported by NVML)"],
        ),
        (
            "QCA401",
            [EIGHT[0], gpu(index=1, uuid="GPU-1", name="NVIDIA A2")],
            ["GPU 0 (NVIDIA L4), GPU 1 (NVIDIA A2)"],
        ),
    ],
)
def test_gpus_of_which_a_check_says_the_same_are_named_together(check, gpus, messages):
    findings = judge(gpu_host(*gpus), check)

    assert len(findings) == len(messages)
    for finding, message in zip(findings, messages, strict=True):
        assert message in finding.message


def test_unknowns_are_reported_in_addition_to_faults():
    sick = gpu(health=replace(SOUND, memory_errors=1, pcie_width=4, untold=("clocks",)))

    findings = judge(gpu_host(sick, xids=None), "QCA408")

    assert [finding.severity for finding in findings] == [INFO, INFO, SKIPPED]
    assert "clocks" in findings[-1].message
    assert "Xid" in findings[-1].message


@pytest.mark.parametrize(
    "facts",
    [
        host(),
        gpu_host(toolkit=None),  # reported by QCA401
        gpu_host(docker=engine(host="ssh://there"), container_toolkit=toolkit(version="1.0")),
    ],
)
def test_without_a_toolkit_its_version_is_not_checked(facts):
    assert judge(facts, "QCA409", stack=COMPOSE) == []
