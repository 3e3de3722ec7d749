"""QCA602: does the disk have space for the checkpoints and for the images?"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from infra.doctor.analysis.image_space import (
    MissingImage,
    find_image_disk,
    list_missing_of_file,
    list_missing_of_plan,
)
from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject, HostSubject
from infra.host.facts import Disk, HostFacts, Unknown, known_or_none, require
from qca.core.units import GIB, MIB, format_size
from qca.memory.budget import count_parameters
from qca.memory.checkpoint_size import count_checkpoint_bytes

# Space for metrics and logs, and a reserve.
_DISK_SLACK = 200 * MIB

# We know of no larger image: vllm/vllm-openai and NVIDIA's PyTorch image are 20 to 30 GiB.
_AMPLE = 50 * GIB


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    disks = {disk.purpose: disk for disk in require(subject.facts.disks)}
    work = disks.get("work")
    if work is not None and work.write_fault in _WRITE_FAULTS:
        yield _report_unwritable(work, _WRITE_FAULTS[work.write_fault])
        if subject.is_local_run:
            return
    if subject.is_local_run:
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
    yield _judge_plan_images(subject)


def _report_unwritable(work: Disk, why: str) -> Verdict:
    message = (
        f"{work.path} cannot be written to: {why}.\n"
        "`qca up` keeps its files in .qca there, and the runs in runs."
    )
    evidence = {"path": work.path, "write_fault": work.write_fault}
    return Verdict(Severity.ERROR, message, evidence, (_MOVE,))


def _judge_checkpoints(subject: HostSubject, disk: Disk) -> Verdict:
    train = subject.plan.train
    checkpoint = count_checkpoint_bytes(count_parameters(train.d_state, train.hidden_channels))
    needed = _count_needed_bytes(checkpoint, train.keep_checkpoints)
    evidence = {"path": disk.path, "free": disk.free, "needed": needed, "checkpoint": checkpoint}
    if disk.free >= needed:
        return ok(f"{disk.path} has {format_size(disk.free)} free for checkpoints.", **evidence)
    message = (
        f"{disk.path} has {format_size(disk.free)} free; the run needs {format_size(needed)}.\n"
        f"A checkpoint takes {format_size(checkpoint)}; the newest {train.keep_checkpoints} and "
        "the best are kept while the next is written. The rest, "
        f"{format_size(_DISK_SLACK)}, is for metrics and logs."
    )
    keep_one = (_KEEP_ONE,) if _count_needed_bytes(checkpoint, 1) <= disk.free else ()
    remedies = (*keep_one, *_FREE_WORK) if subject.is_local_run else (*_FREE_DOCKER, *keep_one)
    return Verdict(Severity.ERROR, message, evidence, remedies)


def _count_needed_bytes(checkpoint: int, kept: int) -> int:
    """Return the bytes that the checkpoints may need at most, plus `_DISK_SLACK`.

    The `kept` newest checkpoints and the best one are kept, and the next one is complete before the
    oldest is deleted.
    """
    return checkpoint * (kept + 2) + _DISK_SLACK


def _judge_plan_images(subject: HostSubject) -> Verdict:
    images = known_or_none(subject.facts.images)
    missing = list_missing_of_plan(subject.plan, images or ())
    return _judge_missing("the stack", missing, subject.facts)


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    file = subject.file
    if file.services:
        images = known_or_none(subject.facts.images)
        missing = list_missing_of_file(file, images or ())
        first = next(iter(missing.values()), file.services[0])
        verdict = _judge_missing(file.path, missing, subject.facts)
        yield locate(verdict, file, first.image or first)


def _judge_missing(owner: str, missing: Collection[MissingImage], facts: HostFacts) -> Verdict:
    """Judge whether the missing images fit; if it is unknown which exist, all may be missing."""
    if not missing:
        return ok(f"The engine has the images of {owner}.")
    disk = find_image_disk(facts)
    if disk is None:
        return skip(
            f"Cannot determine whether the images of {owner} fit: the folder where the engine "
            "stores images is not visible from here."
        )
    needed = sum(image.size or 0 for image in missing)
    evidence = {"path": disk.path, "free": disk.free, "needed": needed}
    free = f"{disk.path} has {format_size(disk.free)} free"
    if needed > disk.free:
        message = (
            f"{free}; the images of {owner} need about {format_size(needed)}.\n"
            f"{_list_sizes(missing, facts)}"
        )
        return Verdict(Severity.WARNING, message, evidence, _FREE_DOCKER)
    unsized = [image.name for image in missing if image.size is None]
    if not unsized:
        message = f"{free} for the images of {owner}, which need {format_size(needed)}."
        return ok(message, **evidence)
    if disk.free - needed >= len(unsized) * _AMPLE:
        sizes = "its size" if len(unsized) == 1 else "their sizes"
        return ok(f"{free}, ample for {', '.join(unsized)}, whatever {sizes}.", **evidence)
    why = _explain_unknown(unsized, facts)
    return skip(f"Cannot determine whether the images of {owner} fit: {why}", **evidence)


def _explain_unknown(unsized: Sequence[str], facts: HostFacts) -> str:
    if isinstance(facts.images, Unknown):
        return f"{facts.images.reason}."
    sizes = "whose size is" if len(unsized) == 1 else "whose sizes are"
    return f"the engine does not have {', '.join(unsized)}, {sizes} unknown."


def _list_sizes(missing: Collection[MissingImage], facts: HostFacts) -> str:
    sizes = ", ".join(
        f"{image.name} ({format_size(image.size) if image.size else 'size unknown'})"
        for image in missing
    )
    if isinstance(facts.images, Unknown):
        return f"Ignore this if the engine already has these: {sizes}."
    these = "this image" if len(missing) == 1 else "these images"
    return f"The engine does not have {these}: {sizes}."


_WRITE_FAULTS: Mapping[str | None, str] = {
    "read-only": "its file system is read-only",
    "no-permission": "this user does not have the permission",
}
_MOVE = Remedy("Run qca in a folder that you can write to")
_FREE_WORK = (
    Remedy(
        "List the kept runs, and remove those that you no longer need with `qca runs rm RUN`",
        ("qca runs",),
    ),
    Remedy("Find a disk with more space, and run qca in a folder on it", ("df -h",)),
)
_KEEP_ONE = Remedy("Keep one checkpoint", ("QCA_TRAIN_KEEP_CHECKPOINTS=1 qca up",))
_FREE_DOCKER = (
    Remedy("Show the disk space that Docker uses", ("docker system df",)),
    Remedy(
        "Remove images that no container uses, and the build cache",
        ("docker image prune", "docker builder prune"),
        breaks="removed images must be pulled or built again before they can be used",
    ),
)

CHECK = Check(
    id="QCA602",
    category="host",
    title="Too little disk space, or a read-only folder",
    needs=("disks",),
    looks_at="the free space where checkpoints are stored (the work folder, or Docker's folder "
    "for containers) and the size of the checkpoints; and whether this user can write to the work "
    "folder. For containers, and for the services of a "
    "file given with -f, also the images that the engine does not have, and the free space where "
    "the engine stores images (containerd's folder, if containerd keeps them).",
    why="A checkpoint contains each weight and its two AdamW moments, 12 bytes per parameter (319 "
    "MiB for the full model). The newest three and the best are kept while the next is written. "
    "An image takes up its unpacked size. qca knows the size of the images that the engine has, "
    "and the approximate size of its own trainer image, of Dragonfly's image and of PyTorch's CUDA "
    "images. It queries no registry, so the size of any other image is unknown; qca assumes that "
    "50 GiB is enough for each. It warns only if the known sizes exceed the free space.",
    fix="Free up space, keep fewer checkpoints, or work in another folder.",
    url="https://docs.docker.com/engine/manage-resources/pruning/",
    judge_host=_judge_host,
    judge_file=_judge_file,
)
