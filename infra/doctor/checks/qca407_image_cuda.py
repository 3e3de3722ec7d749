"""QCA407: can this driver and these GPUs run the CUDA of the services' images?"""

from collections.abc import Iterator

from infra.compose_file.model import Service
from infra.doctor.check import Check
from infra.doctor.cuda_requirement import is_met, list_requirements, names_driver
from infra.doctor.cuda_table import (
    choose_cuda,
    find_oldest_driver,
    find_own_driver,
    has_code_for,
)
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.image_cuda import ImageCuda, find_image_cuda, requests_nvidia
from infra.doctor.subjects import FileSubject
from infra.host.container_gpu import is_elsewhere, takes_cdi
from infra.host.facts import Engine, Gpu, GpuDriver, require
from qca.core.versions import parse_version

_SHOWN = 60  # characters of a requirement, which may fill a screen


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    engine, driver = require(subject.facts.docker), require(subject.facts.gpu)
    if not isinstance(driver, GpuDriver) or not isinstance(engine, Engine) or is_elsewhere(engine):
        return  # QCA706 says what GPU services come to
    for service in subject.file.services:
        if service.image and not service.is_built and requests_nvidia(service):
            # CDI devices are handed out whatever the image requires.
            is_checked = not takes_cdi(engine, driver)
            verdict = _judge_requirements(service, driver) if is_checked else None
            verdict = verdict or _judge_image(service, service.image.value, driver)
            yield locate(verdict, subject.file, service.image)


def _judge_requirements(service: Service, driver: GpuDriver) -> Verdict | None:
    """Judge what the image itself requires, where the engine has it; None where that is met."""
    if service.image_variables is None:
        return None
    own = {name: found.value for name, found in service.environment.items()}
    for requirement in list_requirements({**service.image_variables, **own}):
        answers = {is_met(requirement, driver, gpu) for gpu in driver.gpus}
        if answers == {False}:
            return _refuse(service, requirement, driver)
        if answers - {True}:
            return skip(
                f"Service {service.name}: cannot determine whether the toolkit gives the image "
                f"this GPU: it requires {requirement[:_SHOWN]}."
            )
    return None


def _refuse(service: Service, requirement: str, driver: GpuDriver) -> Verdict:
    first = requirement.split()[0]
    cuda = find_image_cuda("", service.image_variables)
    message = (
        f"Service {service.name}: the image requires {first}; driver {driver.driver_version} is of "
        f"CUDA {'.'.join(map(str, driver.cuda_version))}.\n"
        f"The container ends with: requirement error: unsatisfied condition: {first}\n"
        f"{_advise_other(first, cuda)}"
    )
    evidence = {"service": service.name, "requires": requirement, "driver": driver.driver_version}
    return Verdict(Severity.ERROR, message, evidence)


def _advise_other(requirement: str, cuda: ImageCuda | None) -> str:
    """Say what to change: no driver brings what an image requires of the GPU alone."""
    if not names_driver(requirement):
        return "Take an image for this GPU."
    upgrade = _advise_upgrade(cuda) if cuda else "Upgrade the driver"
    return f"{upgrade}, or take an older image."


def _judge_image(service: Service, image: str, driver: GpuDriver) -> Verdict:
    cuda = find_image_cuda(image, service.image_variables)
    oldest = find_oldest_driver(cuda.text) if cuda else None
    if cuda is None or oldest is None:
        return skip(f"Service {service.name}: {image} does not say which CUDA it brings.")
    if not parse_version(driver.driver_version):
        return skip(
            f"Service {service.name}: cannot determine whether driver "
            f"{driver.driver_version!r} runs CUDA {cuda.text}: it is no version."
        )
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
    if cuda.has_requirement and cuda.version > driver.cuda_version:  # the engine lacks the image
        newest = ".".join(map(str, driver.cuda_version))
        return Severity.WARNING, (
            f"the image asks for CUDA {cuda.text}, and driver {version} is of {newest}.\n"
            "It sets NVIDIA_REQUIRE_CUDA, by which the toolkit may refuse it: `requirement error: "
            f"unsatisfied condition: cuda>={cuda.text}`. {_advise_upgrade(cuda)}, or take an image "
            f"with CUDA {newest} or older."
        )
    return _find_torch_fault(cuda, driver) if cuda.is_torch else None


def _find_torch_fault(cuda: ImageCuda, driver: GpuDriver) -> tuple[Severity, str] | None:
    for gpu in driver.gpus:
        has_code = has_code_for(cuda.text, gpu.compute_capability)
        if has_code is None:
            return Severity.SKIPPED, (
                f"cannot determine whether the image's torch with CUDA {cuda.text} holds code for "
                f"{gpu.name}."
            )
        if not has_code:
            return Severity.ERROR, (
                f"the image's torch with CUDA {cuda.text} holds no code for {gpu.name}.\n"
                "The first operation ends with `no kernel image is available`. "
                f"{_advise_build(gpu, driver.driver_version)}"
            )
    return None


def _advise_build(gpu: Gpu, driver: str) -> str:
    fitting = choose_cuda(driver, (gpu.compute_capability,))
    if fitting:
        return f"Take an image with CUDA {fitting}."
    return f"No current build of PyTorch has code for it and runs with driver {driver}."


def _advise_upgrade(cuda: ImageCuda) -> str:
    own = find_own_driver(cuda.text)
    return f"Upgrade the driver to {own} or newer" if own else "Upgrade the driver"


CHECK = Check(
    id="QCA407",
    category="gpu",
    title="An image's CUDA does not fit this driver or GPU",
    needs=("docker", "gpu"),
    looks_at="the CUDA in the names of images whose services ask for a GPU (`-cuda12.6-`, `cu126`, "
    "the tags of nvidia/cuda), against the driver and the GPUs' compute capability. Where the "
    "engine has the image, what that sets itself: CUDA_VERSION and NVIDIA_REQUIRE_CUDA.",
    why="Any CUDA 12 needs driver 525.60.13, any CUDA 13 needs 580.65.06. NVIDIA's own images ask "
    "for the driver of their very CUDA, with exceptions by card: the toolkit's hook refuses them "
    "to others, while CDI devices are handed out unasked. PyTorch with CUDA 13 has no code for "
    "GPUs before Turing (7.5), and with CUDA 12.6 none for Blackwell (10.0 and newer).\n"
    "For example `pytorch/pytorch:2.13.0-cuda13.0-cudnn9-runtime` with driver 535 finds no GPU.",
    fix="Upgrade the driver, or take an image with an older CUDA.",
    url="https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html",
    judge_file=_judge_file,
)
