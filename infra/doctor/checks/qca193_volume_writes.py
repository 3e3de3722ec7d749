"""QCA193: can the stack's user write to its volumes? Tested by `qca doctor --deep`."""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.subjects import HostSubject
from infra.host.facts import VolumeWrite, require
from infra.stack.services import STORE


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    for write in require(subject.facts.live_volumes):
        yield _judge_write(subject, write)


def _judge_write(subject: HostSubject, write: VolumeWrite) -> Verdict:
    evidence = {"service": write.service, "target": write.target, "user": write.user}
    where = f"{write.target} of {write.service} ({write.kind})"
    if write.written is None:
        return skip(f"Cannot determine whether {where} is writable: {write.detail}.", **evidence)
    if write.written:
        return ok(f"User {write.user} can write to {where}.", **evidence)
    message = f"User {write.user} cannot write to {where}.\n{write.detail}"
    if write.kind == "volume":
        from infra.stack.run_storage import name_volume  # slow, and rarely needed

        remedy = _show_volume(name_volume(subject.plan.project))
        return Verdict(subject.grade_container_fault(), message, evidence, (remedy,))
    message += (
        "\nOlder releases of runc give a tmpfs the mode of the image's folder at the same path."
    )
    if (write.service, write.target) == (STORE, "/data"):
        message += (
            "\nThis does not affect the store, which runs with `--dbfilename=` and writes nothing "
            "there."
        )
        return Verdict(Severity.INFO, message, evidence)
    return Verdict(Severity.WARNING, message, evidence)


def _show_volume(name: str) -> Remedy:
    return Remedy("Show the volume's location and labels", (f"docker volume inspect {name}",))


CHECK = Check(
    id="QCA193",
    category="docker",
    title="The stack's user cannot write to a volume",
    needs=("live_volumes",),
    looks_at="with `--deep`: a container of each service, confined as planned, writes a small "
    "file to each of its tmpfs mounts and volumes, and removes it.",
    why="The stack runs as an ordinary user on a read-only root file system, so these are the "
    "only places that it can write to. A volume filled by another user still belongs to that "
    "user, and a tmpfs may not get the requested mode "
    "(https://github.com/opencontainers/runc/issues/3911).",
    fix="Change the owner of the volume, or use another volume for the run.",
    url="https://docs.docker.com/engine/storage/volumes/",
    judge_host=_judge_host,
)
