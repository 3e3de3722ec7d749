"""Which CUDA an image brings, as far as its name tells."""

import re
from dataclasses import dataclass

Version = tuple[int, int]

# `2.13.0-cuda12.6-cudnn9-runtime`, `v1-cuda-12.6`
_CUDA = re.compile(r"cuda[-_]?(\d{1,2})\.(\d{1,2})")
# The wheels' way, of which the last digit is the minor version: `cu126`
_WHEEL = re.compile(r"\bcu(\d{2})(\d)\b")
_LEADING = re.compile(r"(\d{1,2})\.(\d{1,2})")


@dataclass(frozen=True)
class ImageCuda:
    """The CUDA of an image."""

    version: Version
    is_torch: bool
    """PyTorch's own, built for the GPUs of PyTorch's wheels."""
    has_requirement: bool
    """NVIDIA's own, which sets NVIDIA_REQUIRE_CUDA: the toolkit refuses it to older drivers."""

    @property
    def text(self) -> str:
        """The version as NVIDIA writes it."""
        return ".".join(map(str, self.version))


def find_image_cuda(image: str) -> ImageCuda | None:
    """Return the CUDA that an image's name says it brings; None where it says none."""
    path, _, tag = image.partition("@")[0].rpartition(":")
    if "/" in tag or not path:  # a registry's port, or no tag
        return None
    is_base = path.endswith("nvidia/cuda")
    match = _LEADING.match(tag) if is_base else _CUDA.search(tag) or _WHEEL.search(tag)
    if match is None:
        return None
    version = int(match[1]), int(match[2])
    return ImageCuda(version, path.endswith("pytorch/pytorch"), is_base)
