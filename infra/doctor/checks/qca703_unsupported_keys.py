"""QCA703: does this Compose support the file's keys?"""

from collections.abc import Iterator

from infra.compose_file.model import ComposeFile, Service
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject
from infra.host.facts import ComposePlugin, Unknown
from qca.core.versions import parse_version

# Compose 2.25.0 was the first to report `version:` as obsolete, and 2.30.0 the first to support
# `gpus:`.
_VERSION_OBSOLETE = (2, 25)
_GPUS_KNOWN = (2, 30)


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    version = _find_compose_version(subject)
    verdicts = [*_judge_version_key(file, version), *_judge_gpus_keys(file, version)]
    yield from verdicts or [ok(f"{file.path}: no obsolete or unsupported keys.")]


def _find_compose_version(subject: FileSubject) -> tuple[int, ...] | None:
    """Return the version of Compose V2; empty if it is not installed, None if that is unknown."""
    if isinstance(subject.facts.compose, Unknown):
        return None
    plugin = subject.facts.compose.value
    return parse_version(plugin.version) if isinstance(plugin, ComposePlugin) else ()


def _judge_version_key(file: ComposeFile, version: tuple[int, ...] | None) -> Iterator[Verdict]:
    if "version" in file.keys and (not version or version >= _VERSION_OBSOLETE):
        message = (
            "`version:` is obsolete and ignored.\nSince 2.25, Compose prints a warning about it at "
            "every start. Remove the line, unless Compose V1 needs to read the file."
        )
        yield locate(Verdict(Severity.INFO, message), file, file.keys["version"])


def _judge_gpus_keys(file: ComposeFile, version: tuple[int, ...] | None) -> Iterator[Verdict]:
    for service in file.services:
        gpus = service.devices.get("gpus")
        verdict = _judge_gpus_key(service, version) if gpus else None
        if gpus and verdict:
            yield locate(verdict, file, gpus)


def _judge_gpus_key(service: Service, version: tuple[int, ...] | None) -> Verdict | None:
    if version is None:
        message = (
            f"Cannot determine whether this Compose supports `gpus:` of service {service.name}.\n"
            "Compose 2.30 and newer support it, but the installed version is unknown."
        )
        return skip(message, service=service.name)
    if not version or version >= _GPUS_KNOWN:
        return None
    message = (
        f"Service {service.name}: Compose {'.'.join(map(str, version))} does not support "
        "`gpus:`.\nIt may silently start the service without a GPU, as 2.26 does. Use "
        "deploy.resources.reservations.devices instead, or Compose 2.30 or newer."
    )
    return Verdict(Severity.WARNING, message)


CHECK = Check(
    id="QCA703",
    category="file",
    title="A key that this Compose ignores or does not support",
    needs=(),
    looks_at="`version:` at the top level and `gpus:` of services, and the version of Compose.",
    why="An ignored key looks like a setting that works.",
    fix="Remove `version:`. Request GPUs with deploy.resources.reservations.devices, which every "
    "Compose since V1 1.28 supports.",
    url="https://github.com/docker/compose/releases",
    judge_file=_judge_file,
)
