"""QCA703: does this Compose know the file's keys, and heed them?"""

from collections.abc import Iterator

from infra.compose_file.model import ComposeFile, Service
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject
from infra.host.facts import ComposePlugin, Unknown
from qca.core.versions import parse_version

# Compose 2.25.0 was the first to call `version:` obsolete, 2.30.0 the first to know `gpus:`.
_VERSION_OBSOLETE = (2, 25)
_GPUS_KNOWN = (2, 30)


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    version = _find_compose_version(subject)
    verdicts = [*_judge_version_key(file, version), *_judge_gpus_keys(file, version)]
    yield from verdicts or [ok(f"{file.path}: its keys are those of today.")]


def _find_compose_version(subject: FileSubject) -> tuple[int, ...] | None:
    """Return the version of Compose V2: empty where there is none, None where that is unknown."""
    if isinstance(subject.facts.compose, Unknown):
        return None
    plugin = subject.facts.compose.value
    return parse_version(plugin.version) if isinstance(plugin, ComposePlugin) else ()


def _judge_version_key(file: ComposeFile, version: tuple[int, ...] | None) -> Iterator[Verdict]:
    if "version" in file.keys and (not version or version >= _VERSION_OBSOLETE):
        message = (
            "`version:` is obsolete and is ignored.\nCompose says so at every start since 2.25; "
            "the line can go, unless Compose V1 has to read the file."
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
            f"Service {service.name}: whether this Compose knows `gpus:` cannot be told.\n"
            "Compose 2.30 and newer do; which one is here could not be seen."
        )
        return skip(message, service=service.name)
    if not version or version >= _GPUS_KNOWN:
        return None
    message = (
        f"Service {service.name}: Compose {'.'.join(map(str, version))} does not know `gpus:`.\n"
        "It may start the service without a GPU and say nothing (2.26 does). Write "
        "deploy.resources.reservations.devices instead, or use Compose 2.30 or newer."
    )
    return Verdict(Severity.WARNING, message)


CHECK = Check(
    id="QCA703",
    category="file",
    title="A key that this Compose ignores or does not know",
    needs=(),
    looks_at="`version:` at the top and `gpus:` of services, by the version of Compose.",
    why="An ignored key looks like a setting and is none.",
    fix="Remove `version:`; ask for GPUs by deploy.resources.reservations.devices, which "
    "every Compose since V1 1.28 knows.",
    url="https://github.com/docker/compose/releases",
    judge_file=_judge_file,
)
