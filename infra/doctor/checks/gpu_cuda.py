"""Do driver, GPU and the CUDA that torch was built for go together?"""

import re
from dataclasses import dataclass

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.subjects import HostSubject
from infra.host.facts import Gpu, NoGpuDriver, known_or_none, require

# Minor-version compatibility: the oldest driver for any CUDA of that major version.
# https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html
_OLDEST_DRIVER = {12: "525.60.13", 13: "580.65.06"}

Capability = tuple[int, int]


@dataclass(frozen=True)
class _Build:
    """For which GPUs a PyTorch wheel holds machine code."""

    native: tuple[Capability, ...]
    ptx: Capability | None
    """Intermediate code that any newer GPU can compile; None if there is none."""


# PyTorch's release notes, x86-64 wheels: https://github.com/pytorch/pytorch/blob/main/RELEASE.md
_NEW = _Build(((7, 5), (8, 0), (8, 6), (9, 0), (10, 0), (12, 0)), (12, 0))
_BUILDS = {
    "12.6": _Build(((5, 0), (6, 0), (7, 0), (7, 5), (8, 0), (8, 6), (9, 0)), None),
    "13.0": _NEW,
    "13.2": _NEW,
}


def cuda_of(subject: HostSubject) -> str | None:
    """Return the CUDA version of the torch that will run: the image's, or the installed one."""
    if subject.plan.runtime.value == "compose":
        match = re.search(r"cuda(\d+\.\d+)", subject.plan.trainer.base_image.value)
        return match[1] if match else None
    python = known_or_none(subject.facts.python)
    return python.torch_cuda if python else None


def _driver(subject: HostSubject) -> list[Verdict]:
    gpu = require(subject.facts.gpu)
    if subject.plan.trainer.device.value != "cuda" or isinstance(gpu, NoGpuDriver):
        return []
    cuda = cuda_of(subject)
    oldest = _OLDEST_DRIVER.get(int(cuda.partition(".")[0])) if cuda else None
    if cuda is None or oldest is None:
        return [skip("The CUDA version of the torch that will run is not known.")]
    evidence = {"driver": gpu.driver_version, "cuda": cuda, "oldest_driver": oldest}
    if _numbers(gpu.driver_version) >= _numbers(oldest):
        return [ok(f"Driver {gpu.driver_version} can run CUDA {cuda}.", **evidence)]
    message = (
        f"The driver is too old: {gpu.driver_version}; CUDA {cuda} needs {oldest} or newer.\n"
        "The container ends with `unsatisfied condition: cuda>=...`, or torch finds no GPU."
    )
    remedy = Remedy("Upgrade the NVIDIA driver, then reboot: https://www.nvidia.com/drivers/")
    return [Verdict(Severity.ERROR, message, evidence, (remedy, _OLDER_CUDA))]


def _architecture(subject: HostSubject) -> list[Verdict]:
    gpu = require(subject.facts.gpu)
    if subject.plan.trainer.device.value != "cuda" or isinstance(gpu, NoGpuDriver) or not gpu.gpus:
        return []
    cuda = cuda_of(subject)
    build = _BUILDS.get(cuda or "")
    if build is None:
        return [skip(f"For which GPUs torch with CUDA {cuda} was built is not known.")]
    return [_runs_on(build, cuda or "", one) for one in gpu.gpus]


def _runs_on(build: _Build, cuda: str, gpu: Gpu) -> Verdict:
    name, has = gpu.name, gpu.compute_capability
    version = f"{has[0]}.{has[1]}"
    evidence = {"gpu": name, "compute_capability": version, "cuda": cuda}
    # Machine code runs on the same major version, from its own minor version on.
    native = any(one[0] == has[0] and one <= has for one in build.native)
    if native or (build.ptx is not None and has >= build.ptx):
        return ok(f"torch with CUDA {cuda} is built for {name} ({version}).", **evidence)
    message = (
        f"torch with CUDA {cuda} holds no code for {name} (compute capability {version}).\n"
        "The first operation ends with `no kernel image is available`."
    )
    old = has < (7, 5)
    return Verdict(Severity.ERROR, message, evidence, (_OLDER_CUDA,) if old else ())


_OLDER_CUDA = Remedy(
    "Take a trainer image with CUDA 12.6, which knows older drivers and GPUs",
    ("QCA_STACK_BASE_IMAGE=pytorch/pytorch:2.13.0-cuda12.6-cudnn9-runtime qca up",),
)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


CUDA_CHECKS = (
    Check(
        id="QCA403",
        category="gpu",
        title="The NVIDIA driver is too old for this CUDA",
        needs=("gpu",),
        looks_at="the driver's version, and the CUDA version in the trainer image's name or of "
        "the installed torch.",
        why="Any CUDA 12 needs driver 525.60.13, any CUDA 13 needs 580.65.06. An image can "
        "ask for more by NVIDIA_REQUIRE_CUDA.",
        fix="Upgrade the driver, or take an image with an older CUDA.",
        url="https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html",
        judge_host=_driver,
    ),
    Check(
        id="QCA404",
        category="gpu",
        title="torch holds no code for this GPU",
        needs=("gpu",),
        looks_at="the GPU's compute capability against what PyTorch's wheels are built for.",
        why="CUDA 13 wheels start at 7.5 (Turing); a GTX 1050 Ti (6.1) needs a CUDA 12.6 build.",
        fix="Take a build for that GPU.",
        url="https://github.com/pytorch/pytorch/blob/main/RELEASE.md",
        judge_host=_architecture,
    ),
)
