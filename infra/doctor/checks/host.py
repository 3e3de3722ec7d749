"""Has the host the port, the disk and the memory that the run needs?"""

from collections.abc import Iterator

from infra.compose_file.model import PublishedPorts
from infra.doctor.check import Check
from infra.doctor.checks.published_ports import find_next_port, judge_ports, judge_project
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.subjects import FileSubject, HostSubject
from infra.host.facts import Disk, require
from qca.core.units import GIB, MIB, format_size
from qca.memory.budget import parameter_count
from qca.memory.checkpoint_size import checkpoint_bytes

# Metrics, logs, and a file system that is not filled to the brim.
_DISK_SLACK = 200 * MIB
# Unpacked: python-slim with torch for CPUs took 1.3 GB here; PyTorch's CUDA runtime images
# are about 8 GB (hub.docker.com/r/pytorch/pytorch lists half of it compressed). While an
# image is built its newest layer exists twice.
_IMAGE_BYTES = {"cpu": 3 * GIB, "cuda": 16 * GIB}


def _judge_store_port(subject: HostSubject) -> Verdict:
    port = subject.plan.store_port.value
    if subject.plan.runtime.value != "compose" or port is None:
        return ok("The stack publishes no port on this host.")
    other = find_next_port(port)
    remedy = Remedy(f"Publish on another port, such as {other}", (f"qca up --store-port {other}",))
    ports = PublishedPorts("127.0.0.1", port, port)
    return judge_ports(require(subject.facts.listeners), ports, "the store", remedy)


def _judge_published_ports(subject: FileSubject) -> Iterator[Verdict]:
    return judge_project(subject.file, require(subject.facts.listeners))


def _disk_space(subject: HostSubject) -> list[Verdict]:
    disks = {disk.purpose: disk for disk in require(subject.facts.disks)}
    if subject.plan.runtime.value == "local":
        work = disks.get("work")
        return [_room(subject, work)] if work else [skip("The work folder's disk is unknown.")]
    docker = disks.get("docker")
    if docker is None:
        return [skip("Docker's folder lies where its free space cannot be seen from here.")]
    return [_room(subject, docker), *_image_room(subject, docker)]


def _room(subject: HostSubject, disk: Disk) -> Verdict:
    train = subject.plan.train
    one = checkpoint_bytes(parameter_count(train.d_state, train.hidden_channels))
    # The newest and the best are kept, and the next is written whole before the oldest goes.
    needed = one * (train.keep_checkpoints + 2) + _DISK_SLACK
    evidence = {"path": disk.path, "free": disk.free, "needed": needed, "checkpoint": one}
    if disk.free >= needed:
        return ok(f"{disk.path} has {format_size(disk.free)} free for checkpoints.", **evidence)
    message = (
        f"{disk.path} has {format_size(disk.free)} free; the run needs {format_size(needed)}.\n"
        f"A checkpoint takes {format_size(one)}; the newest {train.keep_checkpoints} and "
        "the best are kept while the next is written."
    )
    fewer = Remedy("Keep one checkpoint", ("QCA_TRAIN_KEEP_CHECKPOINTS=1 qca up",))
    return Verdict(Severity.ERROR, message, evidence, (*_free_docker(subject), fewer))


def _image_room(subject: HostSubject, disk: Disk) -> Iterator[Verdict]:
    needed = _IMAGE_BYTES[subject.plan.trainer.device.value]
    if disk.free < needed:
        message = (
            f"{disk.path} has {format_size(disk.free)} free; building the trainer image takes "
            f"about {format_size(needed)}.\nThat is no matter if the image is already there."
        )
        yield Verdict(
            Severity.WARNING, message, {"free": disk.free, "needed": needed}, _free_docker(subject)
        )


def _free_docker(subject: HostSubject) -> tuple[Remedy, ...]:
    if subject.plan.runtime.value == "local":
        return ()
    return (
        Remedy("See what Docker holds", ("docker system df",)),
        Remedy(
            "Remove images that no container uses, and the build cache",
            ("docker image prune", "docker builder prune"),
            breaks="such images are pulled or built again when they are wanted",
        ),
    )


def _memory(subject: HostSubject) -> Verdict:
    trainer = subject.plan.trainer
    if trainer.device.value != "cpu":
        return ok("The model lives on the GPU: QCA402 judges its memory.")
    peak, context = trainer.predicted_peak_bytes.value, trainer.context_bytes.value
    needed = peak + context
    budget = trainer.budget_bytes.value
    if budget is None:
        return skip("What the training may use of the host's memory is not known.")
    evidence = {"needed_bytes": needed, "budget_bytes": budget}
    if trainer.fits.value is not False:
        return ok(f"The training fits: {format_size(needed)} of {format_size(budget)}.", **evidence)
    message = (
        f"The training needs {format_size(needed)} and may use {format_size(budget)}.\n"
        f"{format_size(peak)} predicted peak (recompute {trainer.recompute.value}), "
        f"{format_size(context)} for Python with torch."
    )
    remedies = [Remedy("See who uses the memory", ("ps -eo pid,rss,comm --sort=-rss | head",))]
    if trainer.profile.value != "cpu":
        remedies.insert(0, Remedy("Train the small model", ("qca up --profile cpu",)))
    if subject.plan.runtime.value == "compose":
        remedies.append(Remedy("Do without Dragonfly's share", ("qca up --runtime local",)))
    return Verdict(Severity.ERROR, message, evidence, tuple(remedies))


CHECKS = (
    Check(
        id="QCA601",
        category="host",
        title="A port is in use",
        needs=("listeners",),
        looks_at="the ports that the plan publishes (none unless `store_port` is set) and those "
        "of the files given with -f, against what listens on this host and against each other.",
        why="Two programs cannot listen on one port: the container is made and not started. "
        "Who holds it is named where the system tells; a container's port is held by "
        "docker-proxy, and may be this very stack.",
        fix="Publish on another port, or end what holds it.",
        url="https://docs.docker.com/engine/network/port-publishing/",
        judge_host=_judge_store_port,
        judge_file=_judge_published_ports,
    ),
    Check(
        id="QCA602",
        category="host",
        title="Too little disk space",
        needs=("disks",),
        looks_at="the free space where checkpoints go (the work folder, or Docker's folder for "
        "containers) against what the checkpoints take, and for containers against the image.",
        why="A checkpoint holds the weights and two moments of AdamW for each, 12 bytes a "
        "parameter: 319 MiB for the full model; the newest three and the best are kept while the "
        "next is written.",
        fix="Free space, keep fewer checkpoints, or work in another folder.",
        url="https://docs.docker.com/engine/manage-resources/pruning/",
        judge_host=_disk_space,
    ),
    Check(
        id="QCA603",
        category="host",
        title="The training does not fit the host's memory",
        needs=("memory",),
        looks_at="the predicted peak of a training on the CPU and the interpreter beside it, "
        "against the memory that is available less the store's.",
        why="The kernel would kill the trainer in the middle of the run.",
        fix="Train a smaller model (`qca estimate --solve batch`), or free memory.",
        url="https://docs.docker.com/engine/containers/resource_constraints/#memory",
        judge_host=_memory,
    ),
)
