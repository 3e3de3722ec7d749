"""QCA404: does the torch that will run hold code for this GPU?"""

from collections.abc import Iterator
from dataclasses import dataclass

from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, ok, skip
from infra.doctor.subjects import HostSubject
from infra.doctor.torch_build import USE_OLDER_CUDA, find_cuda_version
from infra.host.facts import Gpu, GpuDriver, require

Capability = tuple[int, int]

_OLDEST_OF_CUDA_13: Capability = (7, 5)


@dataclass(frozen=True)
class _Build:
    """For which GPUs a PyTorch wheel holds machine code."""

    native: tuple[Capability, ...]
    ptx: Capability | None
    """Intermediate code that any newer GPU can compile; None if there is none."""


# PyTorch's release notes, x86-64 wheels: https://github.com/pytorch/pytorch/blob/main/RELEASE.md
_CUDA_13 = _Build((_OLDEST_OF_CUDA_13, (8, 0), (8, 6), (9, 0), (10, 0), (12, 0)), (12, 0))
_BUILDS = {
    "12.6": _Build(((5, 0), (6, 0), (7, 0), (7, 5), (8, 0), (8, 6), (9, 0)), None),
    "13.0": _CUDA_13,
    "13.2": _CUDA_13,
}


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    driver = require(subject.facts.gpu)
    if subject.plan.trainer.device.value != "cuda" or not isinstance(driver, GpuDriver):
        return
    cuda = find_cuda_version(subject)
    build = _BUILDS.get(cuda or "")
    if build is not None:
        yield from (_judge_gpu(build, cuda or "", gpu) for gpu in driver.gpus)
    elif driver.gpus:
        yield skip(f"For which GPUs torch with CUDA {cuda} was built is not known.")


def _judge_gpu(build: _Build, cuda: str, gpu: Gpu) -> Verdict:
    name, capability = gpu.name, gpu.compute_capability
    version = f"{capability[0]}.{capability[1]}"
    evidence = {"gpu": name, "compute_capability": version, "cuda": cuda}
    if _can_run(build, capability):
        return ok(f"torch with CUDA {cuda} is built for {name} ({version}).", **evidence)
    message = (
        f"torch with CUDA {cuda} holds no code for {name} (compute capability {version}).\n"
        "The first operation ends with `no kernel image is available`."
    )
    old = capability < _OLDEST_OF_CUDA_13
    return Verdict(Severity.ERROR, message, evidence, (USE_OLDER_CUDA,) if old else ())


def _can_run(build: _Build, capability: Capability) -> bool:
    """Machine code runs on the same major version, from its own minor version on."""
    if build.ptx is not None and capability >= build.ptx:
        return True
    return any(one[0] == capability[0] and one <= capability for one in build.native)


CHECK = Check(
    id="QCA404",
    category="gpu",
    title="torch holds no code for this GPU",
    needs=("gpu",),
    looks_at="the GPU's compute capability against what PyTorch's wheels are built for.",
    why="CUDA 13 wheels start at 7.5 (Turing); a GTX 1050 Ti (6.1) needs a CUDA 12.6 build.",
    fix="Take a build for that GPU.",
    url="https://github.com/pytorch/pytorch/blob/main/RELEASE.md",
    judge_host=_judge_host,
)
