"""Choose the base image of the trainer image."""

from infra.stack.decision import GIVEN, Decision
from qca.core.distribution import CPU_TORCH_INDEX

# A Python image, to which pip adds torch for the CPU; it is a tenth the size of a CUDA image.
CPU_BASE_IMAGE = "python:3.13-slim"
# The tag that PyTorch publishes for the torch release in pyproject.toml.
CUDA_BASE_IMAGE = "pytorch/pytorch:2.13.0-cuda13.0-cudnn9-runtime"


def decide_base_image(given: str | None, device: str) -> Decision[str]:
    """Return the base image for training on `device`."""
    if given:
        return Decision(given, GIVEN)
    if device == "cuda":
        return Decision(CUDA_BASE_IMAGE, "PyTorch's own image of the torch release that qca uses")
    return Decision(CPU_BASE_IMAGE, "a tenth of a CUDA image's size; pip adds torch for the CPU")


def list_build_args(base_image: str) -> dict[str, str]:
    """Return the build arguments of Dockerfile.cuda for this base image."""
    arguments = {"BASE_IMAGE": base_image}
    if base_image == CPU_BASE_IMAGE:
        arguments["TORCH_INDEX"] = CPU_TORCH_INDEX
    return arguments
