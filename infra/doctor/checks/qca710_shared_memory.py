"""QCA710: does a service that runs torch have enough shared memory for its workers?"""

import re
from collections.abc import Iterator
from itertools import pairwise

from infra.compose_file.limits import read_size
from infra.compose_file.model import Service
from infra.doctor.analysis.unread_extends import is_part_hidden
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.subjects import FileSubject
from qca.core.units import MIB, format_size

# The default for containers (moby, daemon/config `DefaultShmSize`); the daemon's configuration
# may change it.
_DEFAULT_BYTES = 64 * MIB
_FOLDER = "/dev/shm"
_TORCH_IMAGE = re.compile(r"(^|/)(pytorch|vllm)[^/:@]*")
_TORCH_PROGRAMS = {"torchrun", "torch.distributed.run", "torch.distributed.launch"}
_WORKERS = re.compile(r"--(?:[\w-]*[_-])?workers(?:=(\d+))?")


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    for service in subject.file.services:
        if _runs_torch(service):
            yield locate(_judge_service(service), subject.file, service.image or service)


def _runs_torch(service: Service) -> bool:
    image = service.image.value if service.image else ""
    words = {word.value for word in service.command}
    return bool(_TORCH_IMAGE.search(image)) or not words.isdisjoint(_TORCH_PROGRAMS)


def _judge_service(service: Service) -> Verdict:
    name = f"Service {service.name}"
    if is_part_hidden(service):
        return skip(
            f"Cannot determine the shared memory of service {service.name}: the service that it "
            "extends was not read."
        )
    ipc = service.settings.get("ipc")
    if ipc and ipc.value == "host":
        return ok(f"{name} uses the host's shared memory (`ipc: host`).")
    if ipc and ipc.value not in ("private", "shareable"):
        return skip(
            f"{name} uses the shared memory of another container (`ipc: {ipc.value}`), whose size "
            "is unknown."
        )
    if any(_FOLDER in service.mounts.get(kind, ()) for kind in ("volumes", "tmpfs")):
        return ok(f"{name} mounts its own {_FOLDER}.")
    given = service.settings.get("shm_size")
    size = read_size(given) if given else _DEFAULT_BYTES
    if size is None:
        return skip(f"{name}: its `shm_size` is not a valid size.")
    if size > _DEFAULT_BYTES:
        return ok(f"{name} has {format_size(size)} of shared memory.", size=size)
    return _report_little(service, size)


def _report_little(service: Service, size: int) -> Verdict:
    workers = _count_workers(service)
    how = f" and {workers} workers" if workers else ""
    message = (
        f"Service {service.name} runs torch with {format_size(size)} of shared memory{how}.\n"
        "DataLoader workers pass their batches through it, and crash with `Bus error` when it is "
        "full. Set `shm_size: 1g`, or more for large batches."
    )
    evidence = {"service": service.name, "size": size, "workers": workers}
    return Verdict(Severity.WARNING if workers else Severity.INFO, message, evidence)


def _count_workers(service: Service) -> int:
    """Return the largest number of workers that a flag of the command sets, or 0 if none does."""
    words = [word.value for word in service.command]
    given = [
        match[1] or following
        for word, following in pairwise([*words, ""])
        if (match := _WORKERS.fullmatch(word))
    ]
    return max((int(size) for size in given if size.isdecimal()), default=0)


CHECK = Check(
    id="QCA710",
    category="file",
    title="Little shared memory for torch's workers",
    needs=(),
    looks_at="`shm_size`, `ipc` and mounts at /dev/shm of services whose image or command is "
    "torch's. The severity is warning if the command sets a number of workers, otherwise info.",
    why="A container has 64 MiB of /dev/shm by default, and torch's DataLoader passes each batch "
    "through it as soon as `num_workers` is more than 0. The daemon's `default-shm-size` may "
    "differ, but the engine does not report it. qca's trainer has no such workers; with "
    "several GPUs it gets 1 GiB for NCCL.",
    fix="Set `shm_size`, or `ipc: host` to use the host's shared memory.",
    url="https://github.com/pytorch/pytorch#docker-image",
    judge_file=_judge_file,
)
