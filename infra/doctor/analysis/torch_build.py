"""Find the CUDA version of the torch build that will run."""

import re

from infra.doctor.subjects import HostSubject
from infra.host.facts import known_or_none


def find_cuda_version(subject: HostSubject) -> str | None:
    """Return the CUDA version of the torch build in the trainer's image or, for a local run,
    here."""
    if subject.is_local_run:
        python = known_or_none(subject.facts.python)
        return python.torch_cuda if python else None
    match = re.search(r"cuda(\d+\.\d+)", subject.plan.trainer.base_image.value)
    return match[1] if match else None
