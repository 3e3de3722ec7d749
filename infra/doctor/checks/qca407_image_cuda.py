"""QCA407: can this driver and these GPUs run the CUDA of the services' images?"""

from collections.abc import Iterator

from infra.compose_file.model import Service
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.image_cuda import ImageCuda, find_image_cuda
from infra.doctor.subjects import FileSubject
from infra.host.container_gpu import is_elsewhere
from infra.host.facts import Engine, GpuDriver, require
from qca.core.versions import parse_version

# Minor-version compatibility: the oldest driver for any CUDA of that major version.
# https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html
_OLDEST_DRIVER = {11: "450.80.02", 12: "525.60.13", 13: "580.65.06"}
# PyTorch's release notes: wheels with CUDA 13 hold no code for GPUs before Turing.
_TORCH_13, _OLDEST_GPU_OF_TORCH_13 = 13, (7, 5)


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    engine, driver = require(subject.facts.docker), require(subject.facts.gpu)
    if not isinstance(driver, GpuDriver) or not isinstance(engine, Engine) or is_elsewhere(engine):
        return  # QCA706 says what GPU services come to
    for service in subject.file.services:
        if service.image and not service.is_built and _requests_gpu(service):
            verdict = _judge_image(service, service.image.value, driver)
            yield locate(verdict, subject.file, service.image)


def _requests_gpu(service: Service) -> bool:
    has_nvidia = any(
        request.is_for_nvidia for one in service.devices.values() for request in one.requests
    )
    return has_nvidia or bool(service.runtime and service.runtime.value == "nvidia")


def _judge_image(service: Service, image: str, driver: GpuDriver) -> Verdict:
    cuda = find_image_cuda(image)
    oldest = _OLDEST_DRIVER.get(cuda.version[0]) if cuda else None
    if cuda is None or oldest is None:
        return skip(f"Service {service.name}: {image} does not say which CUDA it brings.")
    evidence = {"service": service.name, "cuda": cuda.text, "driver": driver.driver_version}
    fault = _find_fault(cuda, oldest, driver)
    if fault is None:
        message = f"Service {service.name}: driver {driver.driver_version} runs CUDA {cuda.text}."
        return ok(message, **evidence)
    severity, words = fault
    return Verdict(severity, f"Service {service.name}: {words}", evidence)


def _find_fault(cuda: ImageCuda, oldest: str, driver: GpuDriver) -> tuple[Severity, str] | None:
    version = driver.driver_version
    if parse_version(version) < parse_version(oldest):
        return Severity.ERROR if cuda.is_torch else Severity.WARNING, (
            f"driver {version} is too old for the image's CUDA {cuda.text}, which needs {oldest}.\n"
            "The container ends with `unsatisfied condition: cuda>=...`, or finds no GPU. Upgrade "
            f"the driver, or take an image with CUDA {driver.cuda_version[0]}."
        )
    if cuda.has_requirement and cuda.version > driver.cuda_version:
        newest = ".".join(map(str, driver.cuda_version))
        return Severity.WARNING, (
            f"the image asks for CUDA {cuda.text}, and driver {version} is of {newest}.\n"
            "It sets NVIDIA_REQUIRE_CUDA, by which the toolkit may refuse it: `requirement error: "
            f"unsatisfied condition: cuda>={cuda.text}`. Upgrade the driver, or take an image "
            f"with CUDA {newest} or older."
        )
    old = [gpu for gpu in driver.gpus if gpu.compute_capability < _OLDEST_GPU_OF_TORCH_13]
    if cuda.is_torch and cuda.version[0] >= _TORCH_13 and old:
        return Severity.ERROR, (
            f"the image's torch with CUDA {cuda.text} holds no code for {old[0].name}.\n"
            "The first operation ends with `no kernel image is available`. Take an image with "
            "CUDA 12.6."
        )
    return None


CHECK = Check(
    id="QCA407",
    category="gpu",
    title="An image's CUDA does not fit this driver or GPU",
    needs=("docker", "gpu"),
    looks_at="the CUDA in the names of images whose services ask for a GPU (`-cuda12.6-`, `cu126`, "
    "the tags of nvidia/cuda), against the driver and the GPUs' compute capability.",
    why="Any CUDA 12 needs driver 525.60.13, any CUDA 13 needs 580.65.06. NVIDIA's own images ask "
    "for the driver of their very CUDA, with exceptions by card. PyTorch with CUDA 13 has no code "
    "for GPUs before Turing (7.5).\n"
    "For example `pytorch/pytorch:2.13.0-cuda13.0-cudnn9-runtime` with driver 535 finds no GPU.",
    fix="Upgrade the driver, or take an image with an older CUDA.",
    url="https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html",
    judge_file=_judge_file,
)
