"""QCA404: does the installed torch support this GPU?"""

from collections.abc import Iterator
from dataclasses import replace

from infra.doctor.analysis.cuda_table import has_code_for
from infra.doctor.analysis.gpu_groups import describe_gpus, group_gpus
from infra.doctor.analysis.torch_build import find_cuda_version
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, ok, skip
from infra.doctor.remedies.torch_wheel import offer_torch_build
from infra.doctor.subjects import HostSubject
from infra.host.facts import GpuDriver, require


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    driver = require(subject.facts.gpu)
    if subject.plan.trainer.device.value != "cuda" or not isinstance(driver, GpuDriver):
        return
    cuda = find_cuda_version(subject)
    groups = group_gpus(driver.gpus, lambda gpu: (gpu.name, gpu.compute_capability))
    for (_, capability), gpus in groups.items():
        version = ".".join(map(str, capability))
        evidence = {
            "gpu": gpus[0].name,
            "gpus": [gpu.index for gpu in gpus],
            "compute_capability": version,
            "cuda": cuda,
        }
        names = describe_gpus(gpus, driver.gpus, f"compute capability {version}")
        has_code = has_code_for(cuda or "", capability)
        yield replace(_judge_code(subject, cuda, names, has_code), evidence=evidence)


def _judge_code(
    subject: HostSubject, cuda: str | None, names: str, has_code: bool | None
) -> Verdict:
    if has_code is None:
        return skip(f"Cannot determine whether torch with CUDA {cuda} has code for {names}.")
    if has_code:
        return ok(f"torch with CUDA {cuda} has code for {names}.")
    message = (
        f"torch with CUDA {cuda} has no code for {names}.\nThe first operation fails with `no "
        "kernel image is available`."
    )
    return Verdict(Severity.ERROR, message, {}, offer_torch_build(subject))


CHECK = Check(
    id="QCA404",
    category="gpu",
    title="torch has no code for this GPU",
    needs=("gpu",),
    looks_at="the GPU's compute capability, and those for which PyTorch's wheels are built.",
    why="CUDA 13 builds start at compute capability 7.5 (Turing), and those with CUDA 12.8 and "
    "12.9 at 7.0 or 7.5, depending on the release of PyTorch. Builds with CUDA 12.6 and older end "
    "at 9.0 (Hopper).\nFor example, a GTX 1050 Ti (6.1) needs a CUDA 12.6 build, and an RTX 5070 "
    "(12.0) a newer one.",
    fix="Use a build for that GPU.",
    url="https://github.com/pytorch/pytorch/blob/main/RELEASE.md",
    judge_host=_judge_host,
)
