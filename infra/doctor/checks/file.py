"""Compose files that somebody else wrote: would Compose take them as they are meant?"""

import re
from collections.abc import Iterator

from infra.compose_file.model import ComposeFile, Service
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject
from infra.host.facts import ComposePlugin, Unknown, known_or_none
from qca.core.units import counted
from qca.core.versions import parse_version

# compose 2.25.0 began to call `version:` obsolete, 2.30.0 knows `gpus:`.
_VERSION_OBSOLETE = (2, 25)
_GPUS_KNOWN = (2, 30)


def _read_whole(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    for unread in file.unread:
        message = f"{unread.what} was not read: {unread.why}.\nWhat it brings was not judged."
        yield locate(skip(message), file, unread)
    if file.override:
        yield skip(
            f"{file.override} was not read.\nCompose, called without -f, merges it into this "
            f"file; to have both judged, give it as well: -f {file.path} -f ..."
        )
    if not file.unread and not file.override:
        with_ = "".join(f" with {name}" for name in list(file.sources)[1:])
        how = f", as {file.confirmed_by} merges it" if file.confirmed_by else ""
        services = counted(len(file.services), "service")
        yield ok(f"{file.path}{with_}: read whole, {services}{how}.")


def _variables(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    for unset in {(one.variable, one.file, one.line): one for one in file.unset}.values():
        yield locate(_unset(unset.variable.name, unset.variable.required), file, unset)
    if not file.unset and file.unread:
        message = f"{file.path}: {file.unread[0].what} was not read, nor the variables there."
        yield locate(skip(message), file, file.unread[0])
    elif not file.unset:
        yield ok(f"{file.path}: every variable that matters here has a value.")


def _unset(name: str, required: str | None) -> Verdict:
    evidence = {"variable": name}
    if required is None:
        message = f"The variable {name} is not set.\nCompose warns and takes it as empty."
        return Verdict(Severity.WARNING, message, evidence)
    message = (
        f"The variable {name} is required and not set: {required or 'the file gives no message'}.\n"
        "Compose refuses the file. Set it in the environment, or in `.env` beside the file."
    )
    return Verdict(Severity.ERROR, message, evidence)


def _keys(subject: FileSubject) -> Iterator[Verdict]:
    plugin, dark = known_or_none(subject.facts.compose), isinstance(subject.facts.compose, Unknown)
    version = parse_version(plugin.version) if isinstance(plugin, ComposePlugin) else ()
    file = subject.file
    found = [*_key_faults(file, version), *(_untold_gpus(file) if dark else ())]
    yield from found or [ok(f"{file.path}: its keys are those of today.")]


def _key_faults(file: ComposeFile, version: tuple[int, ...]) -> Iterator[Verdict]:
    if "version" in file.keys and (not version or version >= _VERSION_OBSOLETE):
        message = (
            "`version:` is obsolete and is ignored.\nCompose says so at every start since 2.25; "
            "the line can go, unless Compose V1 has to read the file."
        )
        yield locate(Verdict(Severity.INFO, message), file, file.keys["version"])
    for service in file.services:
        if (gpus := service.devices.get("gpus")) and version and version < _GPUS_KNOWN:
            this = ".".join(map(str, version))
            message = (
                f"Service {service.name}: Compose {this} does not know `gpus:`.\n"
                "It may start the service without a GPU and say nothing (2.26 does). Write "
                "deploy.resources.reservations.devices instead, or use Compose 2.30 or newer."
            )
            yield locate(Verdict(Severity.WARNING, message), file, gpus)


def _named(file: ComposeFile) -> Service | int:
    """Return the service that Compose's refusal names; it knows no lines."""
    words = re.findall(r"services\.([\w.-]+)", file.refused)
    starts = {word.split(".")[0] for word in words}
    return next((one for one in file.services if one.name in starts), 1)


def _untold_gpus(file: ComposeFile) -> Iterator[Verdict]:
    for service in file.services:
        if gpus := service.devices.get("gpus"):
            message = (
                f"Service {service.name}: whether this Compose knows `gpus:` cannot be told.\n"
                "Compose 2.30 and newer do; which one is here could not be seen."
            )
            yield locate(skip(message, service=service.name), file, gpus)


def _refused(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    if file.refused:
        message = f"Compose does not take {file.path}.\nIt says: {file.refused}"
        yield locate(Verdict(Severity.ERROR, message), file, _named(file))
    elif file.confirmed_by:
        yield ok(f"{file.confirmed_by} takes {file.path}.")
    elif file.not_confirmed_because:
        why = file.not_confirmed_because
        yield skip(f"Whether Compose takes {file.path} was not asked: {why}.")


CHECKS = (
    Check(
        id="QCA701",
        category="file",
        title="Part of the compose file was not read",
        needs=(),
        looks_at="`include`, `extends`, `env_file`, an override file beside it: what Compose "
        "would bring in from elsewhere. Within the folder they are followed, and several -f are "
        "merged as Compose merges them, `!reset` and `!override` included; where Compose is "
        "there, its own `config` has the last word on the values.",
        why="qca reads nothing out of the first file's folder, and nothing from other machines. "
        "What was not read is not fine because of that. One thing Compose itself does by chance "
        "(2.40, measured): where a service has `!reset` or `!override`, extends another and is "
        "extended in the same file, its tags count in some runs and not in others.",
        fix="Judge what `docker compose config` prints: "
        "`docker compose config > whole.yaml; qca doctor -f whole.yaml`.",
        url="https://docs.docker.com/compose/how-tos/multiple-compose-files/",
        judge_file=_read_whole,
    ),
    Check(
        id="QCA702",
        category="file",
        title="A variable of the compose file has no value",
        needs=(),
        looks_at="`$X`, `${X}`, `${X:-default}`, `${X:?message}` and their kin in the keys that "
        "the doctor reads, with the environment first and then `.env` beside the file.",
        why="Compose refuses the file over a required one, and takes any other as empty.",
        fix="Set it in the environment or in `.env`, or give it a default in the file.",
        url="https://docs.docker.com/reference/compose-file/interpolation/",
        judge_file=_variables,
    ),
    Check(
        id="QCA703",
        category="file",
        title="A key that this Compose ignores or does not know",
        needs=(),
        looks_at="`version:` at the top and `gpus:` of services, by the version of Compose.",
        why="An ignored key looks like a setting and is none.",
        fix="Remove `version:`; ask for GPUs by deploy.resources.reservations.devices, which "
        "every Compose since V1 1.28 knows.",
        url="https://github.com/docker/compose/releases",
        judge_file=_keys,
    ),
    Check(
        id="QCA707",
        category="file",
        title="Compose does not take the file",
        needs=(),
        looks_at="what `docker compose config` says to the files given with -f. It runs nothing, "
        "and is not asked where the files lead out of their folder.",
        why="Compose checks keys and types against its schema, and settings against each other, "
        "before it starts anything. Its version matters: an older one knows fewer keys.",
        fix="Mend what Compose names.",
        url="https://docs.docker.com/reference/cli/docker/compose/config/",
        judge_file=_refused,
    ),
)
