"""QCA805: do all images name a version?"""

from collections.abc import Iterator

from infra.doctor.analysis.unread_extends import skip_hidden_services
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate
from infra.doctor.subjects import FileSubject


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    pulled = [service for service in file.services if service.image and not service.is_built]
    names = [
        service.image
        for service in pulled
        if service.image and not _has_version(service.image.value)
    ]
    if names:
        message = (
            "These images have no version: "
            f"{', '.join(dict.fromkeys(name.value for name in names))}.\n"
            "Anyone who controls the tag decides what runs here after the next pull. Name a "
            "version or a digest (`docker image inspect` shows it as RepoDigests)."
        )
        evidence = {"images": sorted({name.value for name in names})}
        yield locate(Verdict(Severity.INFO, message, evidence), file, names[0])
    yield from skip_hidden_services(file, "has an image with a version")


def _has_version(image: str) -> bool:
    tag = image.rpartition("/")[2].partition(":")[2]
    return "@" in image or tag not in ("", "latest") or not image


CHECK = Check(
    id="QCA805",
    category="security",
    title="Images without a version",
    needs=(),
    looks_at="whether the `image:` of each service without `build:` has a digest, or a tag other "
    "than `latest`.",
    why="`latest` changes over time, so the same file may run another version tomorrow.\nFor "
    "example, `image: redis` is reported, but `image: redis:8.2` is fine.",
    fix="Name a version or a digest.",
    url="https://docs.docker.com/build/building/best-practices/#pin-base-image-versions",
    judge_file=_judge_file,
)
