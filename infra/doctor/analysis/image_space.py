"""List the images that the stack or a Compose file needs, with their sizes if known."""

import re

from infra.compose_file.model import ComposeFile, Service
from infra.host.facts import Disk, Engine, EngineImage, HostFacts, known_or_none
from infra.host.image_names import TRAINER_REPOSITORY, find_image, split_name
from infra.stack.base_image import CPU_BASE_IMAGE, CUDA_BASE_IMAGE
from infra.stack.plan import StackPlan
from qca.core.frozen import frozen_dataclass
from qca.core.units import GIB

# The disk space that building the trainer image needs, by base image. Unpacked, python-slim with a
# CPU build of torch took 1.3 GB here; PyTorch's CUDA runtime images are about 8 GB
# (hub.docker.com/r/pytorch/pytorch lists half of that, compressed). During a build the newest layer
# exists twice.
_BUILD_BYTES = {CPU_BASE_IMAGE: 3 * GIB, CUDA_BASE_IMAGE: 16 * GIB}
_CUDA_RUNTIME = re.compile(r"pytorch/pytorch:[\w.]+-cuda[\w.-]+-runtime")
_CUDA_RUNTIME_BYTES = 8 * GIB
# An upper bound: the image is Ubuntu's base, redis-tools and one program of less than 100 MiB
# (dragonfly, tools/packaging/Dockerfile.ubuntu-prod).
_DRAGONFLY = re.compile(r"(?:[\w.:-]+/)?dragonflydb/dragonfly(?:[:@].*)?")
_DRAGONFLY_BYTES = GIB
# A trainer image with CUDA is larger than its compressed base image; a trainer image without CUDA
# is smaller than that base image.
_LEAST_CUDA_BYTES = 4 * GIB


@frozen_dataclass
class MissingImage:
    """An image that the engine does not have."""

    name: str
    size: int | None
    """The bytes that it will occupy on the disk; None if unknown."""


def find_image_disk(facts: HostFacts) -> Disk | None:
    """Return the disk on which the engine stores images; None if it is not visible."""
    disks = {disk.purpose: disk for disk in known_or_none(facts.disks) or ()}
    engine = known_or_none(facts.docker)
    in_containerd = isinstance(engine, Engine) and engine.uses_containerd_images
    return disks.get("images" if in_containerd else "docker")


def list_missing_of_plan(
    plan: StackPlan, images: tuple[EngineImage, ...]
) -> tuple[MissingImage, ...]:
    """Return the images of the planned stack that the engine does not have."""
    store = plan.dragonfly.image
    trainer = () if _has_trainer(plan, images) else (_plan_trainer_image(plan),)
    return (*trainer, *(() if find_image(images, store) else (_measure(store),)))


def list_missing_of_file(
    file: ComposeFile, images: tuple[EngineImage, ...]
) -> dict[MissingImage, Service]:
    """Return the images that the engine does not have, each with the first service that uses it."""
    missing = ((_find_missing(service, images), service) for service in file.services)
    found: dict[MissingImage, Service] = {}
    for image, service in missing:
        if image is not None:
            found.setdefault(image, service)
    return found


def _find_missing(service: Service, images: tuple[EngineImage, ...]) -> MissingImage | None:
    name = service.image.value if service.image else ""
    if not name:  # Compose derives the name of a built image from the project
        return MissingImage(f"the image of service {service.name}", None)
    if find_image(images, name):
        return None
    return MissingImage(name, None) if service.is_built else _measure(name)


def _measure(name: str) -> MissingImage:
    if _CUDA_RUNTIME.fullmatch(name):
        return MissingImage(name, _CUDA_RUNTIME_BYTES)
    return MissingImage(name, _DRAGONFLY_BYTES if _DRAGONFLY.fullmatch(name) else None)


def _plan_trainer_image(plan: StackPlan) -> MissingImage:
    return MissingImage("the trainer image", _BUILD_BYTES.get(plan.trainer.base_image.value))


def _has_trainer(plan: StackPlan, images: tuple[EngineImage, ...]) -> bool:
    """Return whether a build can reuse the layers of a trainer image for the planned device."""
    uses_cuda = plan.trainer.device.value == "cuda"
    return any(
        (image.size >= _LEAST_CUDA_BYTES) == uses_cuda
        for image in images
        if any(split_name(name)[0] == TRAINER_REPOSITORY for name in image.names)
    )
