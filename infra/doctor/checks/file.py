"""Compose files that somebody else wrote: would Compose take them as they are meant?"""

from collections.abc import Iterator
from dataclasses import replace

from packaging.version import InvalidVersion, Version

from infra.doctor.check import (
    Check,
    Location,
    Remedy,
    Severity,
    Subject,
    Verdict,
    ok,
    seen,
    skipped,
    value,
)
from infra.doctor.checks.dragonfly_files import hidden_flags
from infra.doctor.composefile import ComposeFile, Service, Text, Unread, Unset
from infra.doctor.dragonfly_edits import edit_remedy, replaced
from infra.doctor.dragonfly_service import GONE, Dragonfly, is_dragonfly, read_dragonfly
from infra.doctor.limits import number_of, visible_cpus
from infra.host.facts import ComposePlugin, Engine, GpuDriver
from infra.host.gpu_access import GpuAccess, gpu_access, is_elsewhere
from infra.stack import dragonfly_rules as rules
from qca.errors import InputError
from qca.units import parse_size

# compose 2.25.0 began to call `version:` obsolete, 2.30.0 knows `gpus:`.
_VERSION_OBSOLETE = Version("2.25.0")
_GPUS_KNOWN = Version("2.30.0")


def _read_whole(subject: Subject) -> Iterator[Verdict]:
    for file in subject.files:
        for unread in file.unread:
            message = f"{unread.what} was not read: {unread.why}.\nWhat it brings was not judged."
            yield _at(file, unread, skipped(message))
        if file.override:
            message = (
                f"{file.override} was not read.\nCompose, called without -f, merges it into this "
                f"file; to have both judged, give it as well: -f {file.path} -f ..."
            )
            yield _at(file, 1, skipped(message))
        if not file.unread and not file.override:
            with_ = "".join(f" with {name}" for name in list(file.sources)[1:])
            how = f", as {file.merged_by} merges it" if file.merged_by else ""
            message = f"{file.path}{with_}: read whole, {len(file.services)} services{how}."
            yield _at(file, 1, ok(message))


def _variables(subject: Subject) -> Iterator[Verdict]:
    for file in subject.files:
        for unset in {(one.variable, one.file, one.line): one for one in file.unset}.values():
            yield _at(file, unset, _unset(unset.variable.name, unset.variable.required))
        if not file.unset:
            yield _at(file, 1, ok(f"{file.path}: every variable that matters here has a value."))


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


def _keys(subject: Subject) -> Iterator[Verdict]:
    plugin = seen(subject.facts.compose)
    version = _version(plugin.version) if isinstance(plugin, ComposePlugin) else None
    for file in subject.files:
        found = list(_key_faults(file, version))
        yield from found or [_at(file, 1, ok(f"{file.path}: its keys are those of today."))]


def _key_faults(file: ComposeFile, version: Version | None) -> Iterator[Verdict]:
    if "version" in file.keys and (version is None or version >= _VERSION_OBSOLETE):
        message = (
            "`version:` is obsolete and is ignored.\nCompose says so at every start since 2.25; "
            "the line can go, unless Compose V1 has to read the file."
        )
        yield _at(file, file.keys["version"], Verdict(Severity.INFO, message))
    for service in file.services:
        if service.gpu and service.gpu.value == "gpus" and version and version < _GPUS_KNOWN:
            message = (
                f"Service {service.name}: Compose {version} does not know `gpus:`.\n"
                "It may start the service without a GPU and say nothing (2.26 does). Write "
                "deploy.resources.reservations.devices instead, or use Compose 2.30 or newer."
            )
            yield _at(file, service.gpu, Verdict(Severity.WARNING, message))


def _version(text: str) -> Version | None:
    try:
        return Version(text.partition("-")[0])  # Debian's says 2.26.1-4
    except InvalidVersion:
        return None


def _flags(subject: Subject) -> Iterator[Verdict]:
    for file in subject.files:
        for service in file.services:
            if is_dragonfly(service):
                yield from _flags_of(file, read_dragonfly(service))


def _flags_of(file: ComposeFile, dragonfly: Dragonfly) -> Iterator[Verdict]:
    name, faults = dragonfly.service.name, 0
    for flag, text in dragonfly.flags.items():
        gone_in, instead = GONE.get(flag, (None, ""))
        if flag == "PASSWORD":  # only DFLY_PASSWORD gives this name
            message = (
                f"Service {name}: Dragonfly ends at once over DFLY_PASSWORD, which it does not "
                "know.\nThe name is DFLY_requirepass, though the help of that flag says otherwise."
            )
        elif gone_in is not None and dragonfly.release >= gone_in:
            release = "v" + ".".join(map(str, gone_in[:2]))
            message = (
                f"Service {name}: Dragonfly ends at once over the flag {flag}.\n"
                f"It is gone since {release}" + (f": write {instead}." if instead else ".")
            )
        else:
            continue
        faults += 1
        evidence = {"service": name, "flag": flag}
        remedies = _renamed(file, text, flag, "requirepass" if flag == "PASSWORD" else instead)
        yield _at(file, text, Verdict(Severity.ERROR, message, evidence, remedies))
    if hidden := hidden_flags(dragonfly):
        message = f"Not every flag of service {name} can be seen.\n{hidden}"
        yield _at(file, dragonfly.service, skipped(message, service=name))
    elif not faults:
        message = f"Service {name}: no flag that is known to be gone."
        yield _at(file, dragonfly.service, ok(message, service=name))


def _renamed(file: ComposeFile, text: Text, flag: str, instead: str) -> tuple[Remedy, ...]:
    edit = replaced(file, text, flag, instead) if instead else None
    if edit is None:
        return ()
    title = f"Write {instead} for {flag} at {edit.file}:{edit.line}"
    return (edit_remedy(title, edit, automatic=True),)


def _limits(subject: Subject) -> Iterator[Verdict]:
    for file in subject.files:
        faults = [
            _at(file, text, Verdict(Severity.ERROR, message, {"service": service.name}))
            for service in file.services
            for text, message in _limit_faults(subject, service)
        ]
        yield from faults or [
            _at(file, 1, ok(f"{file.path}: its limits are such as Docker takes."))
        ]


def _limit_faults(subject: Subject, service: Service) -> Iterator[tuple[Text, str]]:
    memory, cpus = service.memory_limit, service.cpus
    if memory and _not_a_size(memory):
        yield memory, f"Service {service.name}: Docker cannot read the size {memory.value!r}."
    if cpus is None:
        return
    number = number_of(cpus)
    if number is None:
        if cpus.value not in ("0", "0.0"):
            yield cpus, f"Service {service.name}: {cpus.value!r} is not a number of CPUs."
    elif not 0.01 <= number <= visible_cpus(subject):
        yield (
            cpus,
            f"Service {service.name}: {cpus.value} CPUs cannot be given here.\n"
            f"Docker ends with: Range of CPUs is from 0.01 to {visible_cpus(subject)}.00",
        )


def _refused(subject: Subject) -> Iterator[Verdict]:
    for file in subject.files:
        if file.refused:
            message = f"Compose does not take {file.path}.\nIt says: {file.refused}"
            yield _at(file, 1, Verdict(Severity.ERROR, message))
        elif file.merged_by:
            yield _at(file, 1, ok(f"{file.merged_by} takes {file.path}."))
        elif file.not_asked:
            message = f"Whether Compose takes {file.path} was not asked: {file.not_asked}."
            yield _at(file, 1, skipped(message))


def _not_a_size(text: Text) -> bool:
    try:
        parse_size(text.value)
    except InputError:
        return True
    return False


def _gpus(subject: Subject) -> Iterator[Verdict]:
    for file in subject.files:
        for service in file.services:
            if service.gpu is not None:
                yield _at(file, service.gpu, _gpu(subject, service, service.gpu))


def _gpu(subject: Subject, service: Service, asked: Text) -> Verdict:
    engine, gpu = value(subject.facts.docker), value(subject.facts.gpu)
    if not isinstance(engine, Engine):
        return skipped(f"Whether service {service.name} gets its GPU cannot be told: no engine.")
    if isinstance(gpu, GpuDriver) and gpu.gpus:
        access = gpu_access(engine, gpu)
    else:
        access = GpuAccess(None if is_elsewhere(engine) else False, "this host shows no GPU")
    if access.usable:
        return ok(f"Service {service.name}: the engine can hand it a GPU.")
    if access.usable is None:
        return skipped(
            f"Whether service {service.name} gets its GPU cannot be told: {access.because}."
        )
    message = (
        f"Service {service.name} asks for a GPU ({asked.raw}), which no container gets here: "
        f"{access.because}.\nThe engine ends with: could not select device driver "
        '"nvidia" with capabilities: [[gpu]]'
    )
    return Verdict(Severity.ERROR, message, {"service": service.name})


def _at(
    file: ComposeFile, where: Text | Service | Unread | Unset | int, verdict: Verdict
) -> Verdict:
    """Place a verdict on a line of the file, or of one that was merged into it."""
    if isinstance(where, int):
        return replace(verdict, location=Location(file.path, where))
    return replace(verdict, location=Location(where.file or file.path, where.line))


CHECKS = (
    Check(
        id="QCA701",
        category="file",
        title="Part of the compose file was not read",
        needs=(),
        looks_at="`include`, `extends`, `env_file`, an override file beside it: what Compose "
        "would bring in from elsewhere. Within the folder they are followed, and several -f are "
        "merged as Compose merges them; where Compose is there, its own `config` has the last "
        "word on the values.",
        why="qca reads nothing out of the first file's folder, and nothing from other machines. "
        "What was not read is not fine because of that.",
        mend="Judge what `docker compose config` prints: "
        "`docker compose config > whole.yaml; qca doctor -f whole.yaml`.",
        url="https://docs.docker.com/compose/how-tos/multiple-compose-files/",
        judge=lambda subject: list(_read_whole(subject)),
    ),
    Check(
        id="QCA702",
        category="file",
        title="A variable of the compose file has no value",
        needs=(),
        looks_at="`$X`, `${X}`, `${X:-default}`, `${X:?message}` and their kin in the keys that "
        "the doctor reads, with the environment first and then `.env` beside the file.",
        why="Compose refuses the file over a required one, and takes any other as empty.",
        mend="Set it in the environment or in `.env`, or give it a default in the file.",
        url="https://docs.docker.com/reference/compose-file/interpolation/",
        judge=lambda subject: list(_variables(subject)),
    ),
    Check(
        id="QCA703",
        category="file",
        title="A key that this Compose ignores or does not know",
        needs=(),
        looks_at="`version:` at the top and `gpus:` of services, by the version of Compose.",
        why="An ignored key looks like a setting and is none.",
        mend="Remove `version:`; ask for GPUs by deploy.resources.reservations.devices, which "
        "every Compose since V1 1.28 knows.",
        url="https://github.com/docker/compose/releases",
        judge=lambda subject: list(_keys(subject)),
    ),
    Check(
        id="QCA704",
        category="file",
        title="A flag that Dragonfly does not know",
        needs=(),
        looks_at="flags on the command line and DFLY_* variables of Dragonfly services, by the "
        f"release in the image's name (none named: v{rules.NEWEST[0]}.{rules.NEWEST[1]}).",
        why="Dragonfly ends at once over a flag or a DFLY_* variable that it does not know.",
        mend="Write the new name, or drop the flag.",
        url="https://github.com/dragonflydb/dragonfly/releases",
        judge=lambda subject: list(_flags(subject)),
    ),
    Check(
        id="QCA705",
        category="file",
        title="A limit that Docker does not take",
        needs=("cpu",),
        looks_at="`mem_limit`, `cpus` and deploy.resources.limits.",
        why="The engine refuses a container with more CPUs than it has, and Compose a size that "
        "it cannot read.",
        mend="Write sizes as 512m or 2g, and no more CPUs than there are.",
        url="https://docs.docker.com/engine/containers/resource_constraints/",
        judge=lambda subject: list(_limits(subject)),
    ),
    Check(
        id="QCA706",
        category="file",
        title="A service asks for a GPU that it cannot get",
        needs=("docker", "gpu"),
        looks_at="`gpus:`, `runtime: nvidia` and reservations with the capability gpu.",
        why="The engine refuses the container, and leaves it in the state `created`.",
        mend="Make the GPU usable (QCA401), or leave the service out, say with a profile.",
        url="https://docs.docker.com/compose/how-tos/gpu-support/",
        judge=lambda subject: list(_gpus(subject)),
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
        mend="Mend what Compose names.",
        url="https://docs.docker.com/reference/cli/docker/compose/config/",
        judge=lambda subject: list(_refused(subject)),
    ),
)
