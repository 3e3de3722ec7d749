"""QCA714: are the images still in their registries?"""

import re
from collections.abc import Iterator

from infra.compose_file.model import Service
from infra.doctor.analysis.unread_extends import skip_hidden_services
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok
from infra.doctor.subjects import FileSubject
from infra.host.facts import known_or_none
from infra.host.image_names import find_image, normalize_name
from qca.core.frozen import frozen_dataclass

_BITNAMI = re.compile(r"bitnami/([^:@]+):([^@]+)")
_CUDA = re.compile(r"nvidia/cuda:(latest|[1-9]\.|10\.)?")


@frozen_dataclass
class _Withdrawal:
    """Why an image can no longer be pulled, and what to use instead."""

    why: str
    instead: str


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    images = known_or_none(subject.facts.images) or ()
    verdicts: list[Verdict] = []
    for service in file.services:
        name = service.image.value if service.image and not service.is_built else ""
        withdrawal = _find_withdrawal(name) if name else None
        if withdrawal and not find_image(images, name):
            verdicts.append(
                locate(_warn(service, name, withdrawal), file, service.image or service)
            )
    hidden = list(skip_hidden_services(file, "has an image that was withdrawn"))
    yield from verdicts
    yield from hidden
    if not verdicts and not hidden:
        yield ok(f"{file.path}: no image is known to be withdrawn.")


def _find_withdrawal(image: str) -> _Withdrawal | None:
    """Return why an image is no longer in its registry; None if it may still be there."""
    name = normalize_name(image)
    if match := _BITNAMI.fullmatch(name):
        if match[2] == "latest":
            return None
        return _Withdrawal(
            "Bitnami withdrew the tags with versions from Docker Hub in September 2025",
            f"use bitnamilegacy/{match[1]}:{match[2]}, the same image, which gets no updates",
        )
    if (match := _CUDA.match(name)) and match[1]:
        return _Withdrawal(
            "NVIDIA removed the tag `latest` and the images before CUDA 11",
            "name a newer one, such as nvidia/cuda:12.6.3-runtime-ubuntu24.04",
        )
    return None


def _warn(service: Service, image: str, withdrawal: _Withdrawal) -> Verdict:
    message = (
        f"Service {service.name}: the image {image} can no longer be pulled.\n{withdrawal.why}: "
        "the pull fails with `manifest unknown` or `not found`, and the engine does not have the "
        f"image. In its place, {withdrawal.instead}."
    )
    return Verdict(Severity.WARNING, message, {"service": service.name, "image": image})


CHECK = Check(
    id="QCA714",
    category="file",
    title="An image that was withdrawn",
    needs=(),
    looks_at="the names of images that the engine does not have: Bitnami's with a version, and "
    "NVIDIA's CUDA images without a tag or before CUDA 11. No registry is contacted.",
    why="A pull fails if the publisher has removed the image. In September 2025 Bitnami moved all "
    "tags with a version from `bitnami` to `bitnamilegacy` on Docker Hub, and left only `latest` "
    "for some images. NVIDIA removed `nvidia/cuda:latest` in 2021 and the images of CUDA 10 in "
    "2023. It is a warning, because a mirror may still have them.",
    fix="Name another image.",
    url="https://github.com/bitnami/containers/issues/83267",
    judge_file=_judge_file,
)
