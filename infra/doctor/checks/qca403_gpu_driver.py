"""QCA403: is the NVIDIA driver new enough for the CUDA version of torch?"""

from collections.abc import Iterator

from infra.doctor.analysis.cuda_table import find_oldest_driver
from infra.doctor.analysis.torch_build import find_cuda_version
from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.remedies.torch_wheel import offer_torch_build
from infra.doctor.subjects import HostSubject
from infra.host.facts import GpuDriver, require
from qca.core.versions import parse_version


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    driver = require(subject.facts.gpu)
    if subject.plan.trainer.device.value == "cuda" and isinstance(driver, GpuDriver):
        yield _judge_driver(subject, driver.driver_version, find_cuda_version(subject))


def _judge_driver(subject: HostSubject, driver: str, cuda: str | None) -> Verdict:
    oldest = find_oldest_driver(cuda or "")
    if oldest is None:
        return skip(
            "Cannot determine whether the driver is new enough: the CUDA version of the installed "
            "torch is unknown."
        )
    if not parse_version(driver):
        return skip(
            f"Cannot determine whether driver {driver!r} can run CUDA {cuda}: it is not a version "
            "number."
        )
    evidence = {"driver": driver, "cuda": cuda, "oldest_driver": oldest}
    if parse_version(driver) >= parse_version(oldest):
        return ok(f"Driver {driver} can run CUDA {cuda}.", **evidence)
    message = (
        f"The NVIDIA driver {driver} is too old for CUDA {cuda}, which needs {oldest} or newer.\n"
        f"{_describe_end(subject)}"
    )
    return Verdict(Severity.ERROR, message, evidence, (_UPGRADE, *offer_torch_build(subject)))


def _describe_end(subject: HostSubject) -> str:
    if subject.is_local_run:
        return "torch does not find a GPU."
    return (
        "The container exits with `unsatisfied condition: cuda>=...`, or torch does not find a GPU."
    )


_UPGRADE = Remedy("Upgrade the NVIDIA driver, then reboot: https://www.nvidia.com/drivers/")

CHECK = Check(
    id="QCA403",
    category="gpu",
    title="The NVIDIA driver is too old for this CUDA",
    needs=("gpu",),
    looks_at="the driver's version, and the CUDA version of the trainer image (by its name) or of "
    "the installed torch.",
    why="Any CUDA 11 needs driver 450.80.02, any CUDA 12 needs 525.60.13, and any CUDA 13 needs "
    "580.65.06. An image can require a newer driver with NVIDIA_REQUIRE_CUDA.\nFor example, with "
    "driver 535 and a CUDA 13 build, torch does not find a GPU.",
    fix="Upgrade the driver, or use an image (for a local run, a wheel) with an older CUDA "
    "version.",
    url="https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html",
    judge_host=_judge_host,
)
