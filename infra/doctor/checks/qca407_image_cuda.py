"""QCA407: do the driver and the GPUs support the CUDA version of the services' images?"""

from collections.abc import Iterator, Mapping

from infra.compose_file.model import Service
from infra.doctor.analysis.cuda_requirement import is_met, list_requirements, names_driver
from infra.doctor.analysis.cuda_table import (
    choose_cuda,
    find_oldest_driver,
    find_own_driver,
    has_code_for,
)
from infra.doctor.analysis.image_cuda import ImageCuda, find_image_cuda, requests_nvidia
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject
from infra.host.container_gpu import takes_cdi
from infra.host.facts import Engine, EngineAnswers, Gpu, GpuDriver, require
from qca.core.frozen import frozen_dataclass
from qca.core.versions import parse_version

_SHOWN = 60  # in characters; a requirement may fill a screen


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    engine, driver = require(subject.facts.docker), require(subject.facts.gpu)
    if not isinstance(driver, GpuDriver) or not isinstance(engine, Engine) or engine.is_elsewhere:
        return  # QCA706 reports services with a GPU
    for service in subject.file.services:
        if service.image and not service.is_built and requests_nvidia(service):
            # CDI does not check the requirements of the image.
            is_checked = not takes_cdi(engine, driver)
            image = _find_image(service.image.value, subject.engine_answers)
            verdict = _judge_requirements(service, image, driver) if is_checked else None
            verdict = verdict or _judge_image(service, image, driver)
            yield locate(verdict, subject.file, service.image)


@frozen_dataclass
class _Image:
    """An image, and what the engine says about it."""

    name: str
    variables: Mapping[str, str] | None
    """None if the engine does not have the image, or could not inspect it."""
    unknown_because: str
    """The engine's error if it could not inspect the image."""


def _find_image(name: str, answers: EngineAnswers) -> _Image:
    details = answers.find_image(name)
    return _Image(name, details.variables if details else None, answers.explain_image(name))


def _judge_requirements(service: Service, image: _Image, driver: GpuDriver) -> Verdict | None:
    """Judge the requirements of an image; return None if they are met or unknown."""
    if image.variables is None:
        return None
    own = {name: found.value for name, found in service.environment.items()}
    for requirement in list_requirements({**image.variables, **own}):
        answers = {is_met(requirement, driver, gpu) for gpu in driver.gpus}
        if answers == {False}:
            return _refuse(service, image, requirement, driver)
        if answers - {True}:
            return skip(
                f"Service {service.name}: cannot determine whether the toolkit accepts this GPU "
                f"for the image, which requires {requirement[:_SHOWN]}."
            )
    return None


def _refuse(service: Service, image: _Image, requirement: str, driver: GpuDriver) -> Verdict:
    first = requirement.split()[0]
    cuda = find_image_cuda("", image.variables)
    message = (
        f"Service {service.name}: the image requires {first}; driver {driver.driver_version} "
        f"supports CUDA {'.'.join(map(str, driver.cuda_version))}.\nThe container fails with: "
        f"requirement error: unsatisfied condition: {first}\n{_advise_other(first, cuda)}"
    )
    evidence = {"service": service.name, "requires": requirement, "driver": driver.driver_version}
    return Verdict(Severity.ERROR, message, evidence)


def _advise_other(requirement: str, cuda: ImageCuda | None) -> str:
    """Return advice; a new driver cannot satisfy a requirement that concerns only the GPU."""
    if not names_driver(requirement):
        return "Use an image for this GPU."
    upgrade = _advise_upgrade(cuda) if cuda else "Upgrade the driver"
    return f"{upgrade}, or use an older image."


def _judge_image(service: Service, image: _Image, driver: GpuDriver) -> Verdict:
    cuda = find_image_cuda(image.name, image.variables)
    oldest = find_oldest_driver(cuda.text) if cuda else None
    if cuda is None or oldest is None:
        return _skip(service, image, f"cannot determine the CUDA version of {image.name}")
    if not parse_version(driver.driver_version):
        return skip(
            f"Service {service.name}: cannot determine whether driver "
            f"{driver.driver_version!r} can run CUDA {cuda.text}: it is not a version number."
        )
    evidence = {"service": service.name, "cuda": cuda.text, "driver": driver.driver_version}
    if fault := _find_fault(cuda, oldest, driver):
        severity, words = fault
        return Verdict(severity, f"Service {service.name}: {words}", evidence)
    runs = f"driver {driver.driver_version} can run CUDA {cuda.text}"
    if image.unknown_because:
        unknown = f"{runs}, but cannot determine what else {image.name} requires"
        return _skip(service, image, unknown, **evidence)
    return ok(f"Service {service.name}: {runs}.", **evidence)


def _skip(service: Service, image: _Image, unknown: str, /, **evidence: str) -> Verdict:
    """Return the skipped verdict, with the engine's error if it did not inspect the image."""
    reason = f": {image.unknown_because}" if image.unknown_because else ""
    return skip(f"Service {service.name}: {unknown}{reason}.", **evidence)


def _find_fault(cuda: ImageCuda, oldest: str, driver: GpuDriver) -> tuple[Severity, str] | None:
    version = driver.driver_version
    if parse_version(version) < parse_version(oldest):
        return Severity.ERROR if cuda.is_torch else Severity.WARNING, (
            f"driver {version} is too old for the image's CUDA {cuda.text}, which needs "
            f"{oldest}.\nThe container fails with `unsatisfied condition: cuda>=...`, or does not "
            f"find a GPU. Upgrade the driver, or use an image with CUDA {driver.cuda_version[0]}."
        )
    if cuda.has_requirement and cuda.version > driver.cuda_version:  # the engine lacks the image
        newest = ".".join(map(str, driver.cuda_version))
        return Severity.WARNING, (
            f"the image requires CUDA {cuda.text}, but driver {version} supports {newest}.\nIt "
            "sets NVIDIA_REQUIRE_CUDA, so the toolkit may refuse it: `requirement error: "
            f"unsatisfied condition: cuda>={cuda.text}`. {_advise_upgrade(cuda)}, or use an image "
            f"with CUDA {newest} or older."
        )
    return _find_torch_fault(cuda, driver) if cuda.is_torch else None


def _find_torch_fault(cuda: ImageCuda, driver: GpuDriver) -> tuple[Severity, str] | None:
    for gpu in driver.gpus:
        has_code = has_code_for(cuda.text, gpu.compute_capability)
        if has_code is None:
            return Severity.SKIPPED, (
                f"cannot determine whether the image's torch with CUDA {cuda.text} has code for "
                f"{gpu.name}."
            )
        if not has_code:
            return Severity.ERROR, (
                f"the image's torch with CUDA {cuda.text} has no code for {gpu.name}.\nThe first "
                "operation fails with `no kernel image is available`. "
                f"{_advise_build(gpu, driver.driver_version)}"
            )
    return None


def _advise_build(gpu: Gpu, driver: str) -> str:
    fitting = choose_cuda(driver, (gpu.compute_capability,))
    if fitting:
        return f"Use an image with CUDA {fitting}."
    return f"No current build of PyTorch supports both this GPU and driver {driver}."


def _advise_upgrade(cuda: ImageCuda) -> str:
    own = find_own_driver(cuda.text)
    return f"Upgrade the driver to {own} or newer" if own else "Upgrade the driver"


CHECK = Check(
    id="QCA407",
    category="gpu",
    title="The driver or GPU does not support an image's CUDA",
    needs=("docker", "gpu"),
    looks_at="the CUDA version in the image names of services that request a GPU (`-cuda12.6-`, "
    "`cu126`, the tags of nvidia/cuda), compared with the driver and the GPUs' compute "
    "capability. If the engine has the image, its variables CUDA_VERSION and NVIDIA_REQUIRE_CUDA "
    "are used.",
    why="Every CUDA 12 release needs driver 525.60.13, and every CUDA 13 release needs 580.65.06. "
    "NVIDIA's own images require at least the driver that was released with their CUDA version, "
    "with exceptions for some cards. The toolkit's hook "
    "refuses older drivers, but CDI does not check. PyTorch with CUDA 13 has no code for GPUs "
    "before Turing (7.5), and with CUDA 12.6 none for Blackwell (10.0 and newer).\nFor example "
    "`pytorch/pytorch:2.13.0-cuda13.0-cudnn9-runtime` does not find a GPU with driver 535.",
    fix="Upgrade the driver, or use an image with an older CUDA version.",
    url="https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html",
    judge_file=_judge_file,
)
