"""Which CUDA the torch of the training is built for, and the remedy that takes an older one."""

import re

from infra.doctor.finding import Remedy
from infra.doctor.subjects import HostSubject
from infra.host.facts import known_or_none

USE_OLDER_CUDA = Remedy(
    "Take a trainer image with CUDA 12.6, which knows older drivers and GPUs",
    ("QCA_STACK_BASE_IMAGE=pytorch/pytorch:2.13.0-cuda12.6-cudnn9-runtime qca up",),
)


def find_cuda_version(subject: HostSubject) -> str | None:
    """Return the CUDA version of the torch that will run: the image's, or the installed one."""
    if subject.is_local_run:
        python = known_or_none(subject.facts.python)
        return python.torch_cuda if python else None
    match = re.search(r"cuda(\d+\.\d+)", subject.plan.trainer.base_image.value)
    return match[1] if match else None
