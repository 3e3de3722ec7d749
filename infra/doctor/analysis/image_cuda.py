"""Find the CUDA version of an image in its variables or in its name."""

import re
from collections.abc import Iterator, Mapping

from infra.compose_file.model import ComposeFile, Service
from qca.core.frozen import frozen_dataclass

Version = tuple[int, int]

# `2.13.0-cuda12.6-cudnn9-runtime`, `v1-cuda-12.6`
_CUDA = re.compile(r"cuda[-_]?(\d{1,2})\.(\d{1,2})")
# The notation of PyTorch's wheels, whose last digit is the minor version: `cu126`
_WHEEL = re.compile(r"\bcu(\d{2})(\d)\b")
_IS_KEPT = re.compile(r"CUDA_VERSION$|NVIDIA_(REQUIRE_|DISABLE_REQUIRE$)")
_LEADING = re.compile(r"(\d{1,2})\.(\d{1,2})")


@frozen_dataclass
class ImageCuda:
    """The CUDA version of an image, and whether PyTorch or NVIDIA published the image."""

    version: Version
    is_torch: bool
    """Whether it is PyTorch's own image, which is built for the GPUs of PyTorch's wheels."""
    has_requirement: bool
    """Whether it is NVIDIA's own image, whose NVIDIA_REQUIRE_CUDA makes the toolkit refuse old
    drivers."""

    @property
    def text(self) -> str:
        """The version as NVIDIA writes it."""
        return ".".join(map(str, self.version))


def requests_nvidia(service: Service) -> bool:
    """Return whether a key of the service requests NVIDIA GPUs."""
    requests = (request for devices in service.devices.values() for request in devices.requests)
    has_runtime = bool(service.runtime and service.runtime.value == "nvidia")
    return has_runtime or any(request.is_for_nvidia for request in requests)


def list_gpu_images(file: ComposeFile) -> Iterator[str]:
    """Yield the images of services that request an NVIDIA GPU, except those that are built."""
    for service in file.services:
        if service.image and not service.is_built and requests_nvidia(service):
            yield service.image.value


def keep_nvidia_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return NVIDIA's variables, and no others, because an image may set a password."""
    return {name: text for name, text in variables.items() if _IS_KEPT.match(name)}


def find_image_cuda(image: str, variables: Mapping[str, str] | None = None) -> ImageCuda | None:
    """Return the CUDA version in an image's variables or name, or None if there is none.

    NVIDIA's images, and images based on them, set CUDA_VERSION.
    """
    named = _find_named_cuda(image)
    match = _LEADING.match((variables or {}).get("CUDA_VERSION", ""))
    if match is None:
        return named
    is_torch = named.is_torch if named else False
    return ImageCuda((int(match[1]), int(match[2])), is_torch, has_requirement=False)


def _find_named_cuda(image: str) -> ImageCuda | None:
    path, _, tag = image.partition("@")[0].rpartition(":")
    if "/" in tag or not path:  # no tag; the colon, if any, precedes a port
        return None
    is_base = path.endswith("nvidia/cuda")
    match = _LEADING.match(tag) if is_base else _CUDA.search(tag) or _WHEEL.search(tag)
    if match is None:
        return None
    version = int(match[1]), int(match[2])
    return ImageCuda(version, path.endswith("pytorch/pytorch"), is_base)
