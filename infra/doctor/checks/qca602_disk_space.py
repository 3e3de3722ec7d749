"""QCA602: does the disk have space for the checkpoints and for building the image?"""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.subjects import HostSubject
from infra.host.facts import Disk, require
from qca.core.units import GIB, MIB, format_size
from qca.memory.budget import count_parameters
from qca.memory.checkpoint_size import count_checkpoint_bytes

# Space for metrics and logs, and a reserve.
_DISK_SLACK = 200 * MIB
# Unpacked sizes: python-slim with a CPU build of torch took 1.3 GB here; PyTorch's CUDA runtime
# images are about 8 GB (hub.docker.com/r/pytorch/pytorch lists half of that, compressed). During a
# build the newest layer exists twice.
_IMAGE_BYTES = {"cpu": 3 * GIB, "cuda": 16 * GIB}


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    disks = {disk.purpose: disk for disk in require(subject.facts.disks)}
    if subject.is_local_run:
        work = disks.get("work")
        yield (
            _judge_checkpoints(subject, work)
            if work
            else skip(
                "Cannot determine whether the checkpoints fit: the disk of the work folder is "
                "unknown."
            )
        )
        return
    docker = disks.get("docker")
    if docker is None:
        yield skip(
            "Cannot determine the free space of Docker's folder: it is not visible from here."
        )
        return
    yield _judge_checkpoints(subject, docker)
    yield from _judge_image(subject, docker)


def _judge_checkpoints(subject: HostSubject, disk: Disk) -> Verdict:
    train = subject.plan.train
    one = count_checkpoint_bytes(count_parameters(train.d_state, train.hidden_channels))
    needed = _count_needed_bytes(one, train.keep_checkpoints)
    evidence = {"path": disk.path, "free": disk.free, "needed": needed, "checkpoint": one}
    if disk.free >= needed:
        return ok(f"{disk.path} has {format_size(disk.free)} free for checkpoints.", **evidence)
    message = (
        f"{disk.path} has {format_size(disk.free)} free; the run needs {format_size(needed)}.\n"
        f"A checkpoint takes {format_size(one)}; the newest {train.keep_checkpoints} and "
        "the best are kept while the next is written."
    )
    keep_one = (_KEEP_ONE,) if _count_needed_bytes(one, 1) <= disk.free else ()
    remedies = keep_one if subject.is_local_run else (*_FREE_DOCKER, *keep_one)
    return Verdict(Severity.ERROR, message, evidence, remedies)


def _count_needed_bytes(checkpoint: int, kept: int) -> int:
    """Return the maximum total size of the checkpoints, in bytes.

    The newest and the best are kept, and the next is complete before the oldest is deleted.
    """
    return checkpoint * (kept + 2) + _DISK_SLACK


def _judge_image(subject: HostSubject, disk: Disk) -> Iterator[Verdict]:
    needed = _IMAGE_BYTES[subject.plan.trainer.device.value]
    if disk.free < needed:
        message = (
            f"{disk.path} has {format_size(disk.free)} free; building the trainer image needs "
            f"about {format_size(needed)}.\nIgnore this if the image is already built."
        )
        evidence = {"free": disk.free, "needed": needed}
        yield Verdict(Severity.WARNING, message, evidence, _FREE_DOCKER)


_KEEP_ONE = Remedy("Keep one checkpoint", ("QCA_TRAIN_KEEP_CHECKPOINTS=1 qca up",))
_FREE_DOCKER = (
    Remedy("Show the disk space that Docker uses", ("docker system df",)),
    Remedy(
        "Remove images that no container uses, and the build cache",
        ("docker image prune", "docker builder prune"),
        breaks="removed images need to be pulled or built again when they are used",
    ),
)

CHECK = Check(
    id="QCA602",
    category="host",
    title="Too little disk space",
    needs=("disks",),
    looks_at="the free space where checkpoints are stored (the work folder, or Docker's folder "
    "for containers), the size of the checkpoints, and for containers the size of the image.",
    why="A checkpoint contains each weight and its two AdamW moments, 12 bytes per parameter (319 "
    "MiB for the full model). The newest three and the best are kept while the next is written.",
    fix="Free space, keep fewer checkpoints, or work in another folder.",
    url="https://docs.docker.com/engine/manage-resources/pruning/",
    judge_host=_judge_host,
)
