"""Services of compose files that somebody else wrote: can they have what they ask for?"""

from collections.abc import Iterator

from infra.doctor.check import (
    Check,
    Remedy,
    Severity,
    Subject,
    Verdict,
    located,
    ok,
    skipped,
    value,
)
from infra.doctor.checks.dragonfly_files import hidden_flags
from infra.doctor.composefile import ComposeFile, Service, Text
from infra.doctor.dragonfly_edits import edit_remedy, replaced
from infra.doctor.dragonfly_service import GONE, Dragonfly, Flag, is_dragonfly, read_dragonfly
from infra.host.facts import Engine, GpuDriver
from infra.host.gpu_access import GpuAccess, gpu_access, is_elsewhere
from infra.stack import dragonfly_rules as rules

# What the engine says to a GPU that it cannot give; the runtime's words are those of Engine 26,
# 20.10 says "Unknown runtime specified nvidia".
_NO_DRIVER = 'could not select device driver "nvidia" with capabilities: [[gpu]]'
_REFUSALS = {"runtime": "unknown or invalid runtime name: nvidia"}


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
        yield located(Verdict(Severity.ERROR, message, evidence, remedies), file, text)
    if hidden := hidden_flags(dragonfly):
        message = f"Not every flag of service {name} can be seen.\n{hidden}"
        yield located(skipped(message, service=name), file, dragonfly.service)
    elif not faults:
        message = f"Service {name}: no flag that is known to be gone."
        yield located(ok(message, service=name), file, dragonfly.service)


def _renamed(file: ComposeFile, given: Flag, flag: str, instead: str) -> tuple[Remedy, ...]:
    name = given.words[0] if given.words else given
    edit = replaced(file, name, flag, instead) if instead else None
    if edit is None:
        return ()
    title = f"Write {instead} for {flag} at {edit.file}:{edit.line}"
    return (edit_remedy(title, edit, automatic=True),)


def _gpus(subject: Subject) -> Iterator[Verdict]:
    for file in subject.files:
        for service in file.services:
            if service.gpu is not None:
                yield located(_gpu(subject, service, service.gpu), file, service.gpu)


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
        f"{access.because}.\nThe engine ends with: {_REFUSALS.get(asked.value, _NO_DRIVER)}"
    )
    return Verdict(Severity.ERROR, message, {"service": service.name})


CHECKS = (
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
)
