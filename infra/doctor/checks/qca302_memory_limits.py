"""QCA302: does maxmemory fit in the container limit, and do the limits fit in the host's memory?"""

from collections.abc import Iterator

from infra.compose_file.limits import read_size
from infra.doctor.analysis.dragonfly_services import list_dragonflies
from infra.doctor.analysis.dragonfly_start import explain_hidden_start, predict_maxmemory
from infra.doctor.check import Check
from infra.doctor.finding import Remedy, Severity, Verdict, locate, ok, skip
from infra.doctor.remedies.training import (
    TRAIN_SMALL_MODEL,
    change_stack,
    change_training,
)
from infra.doctor.subjects import FileSubject, HostSubject
from infra.dragonfly import startup_rules as rules
from infra.dragonfly.service import Dragonfly
from infra.stack.dragonfly_plan import compute_container_limit, find_usable_memory
from qca.core.units import format_exact_size, format_size


def _judge_host(subject: HostSubject) -> Verdict:
    plan, trainer = subject.plan.dragonfly, subject.plan.trainer.container_memory_bytes.value
    host = find_usable_memory(subject.facts)
    assert host is not None  # `memory` is among the needs
    maxmemory, limit = plan.maxmemory_bytes.value, plan.container_memory_bytes.value
    evidence = {
        "maxmemory_bytes": maxmemory,
        "container_memory_bytes": limit,
        "trainer_memory_bytes": trainer,
        "host_memory_bytes": host,
    }
    if subject.is_local_run:
        return ok("A local run has neither Dragonfly nor container limits.")
    if limit < maxmemory * rules.SNAPSHOT_HEADROOM:
        needed = compute_container_limit(maxmemory)
        message = (
            f"Dragonfly's container limit of {format_size(limit)} is too close to its maxmemory "
            f"of {format_size(maxmemory)}.\nDuring a snapshot Dragonfly may use up to a third "
            "more than maxmemory, so the kernel may kill it when it is full. "
            f"{format_size(needed)} is safe."
        )
        return Verdict(Severity.WARNING, message, evidence)
    if limit + trainer > host:
        return _report_overcommitment(subject, evidence)
    return ok(
        f"maxmemory ({format_size(maxmemory)}) fits in the store's container "
        f"({format_size(limit)}). That container and the trainer's ({format_size(trainer)}) fit in "
        f"the {format_size(host)} available to containers.",
        **evidence,
    )


def _report_overcommitment(subject: HostSubject, evidence: dict[str, int]) -> Verdict:
    limit, trainer = evidence["container_memory_bytes"], evidence["trainer_memory_bytes"]
    message = (
        f"The containers may use {format_size(limit + trainer)}, but only "
        f"{format_size(evidence['host_memory_bytes'])} is available to them.\nDragonfly's limit "
        f"is {format_size(limit)}, the trainer's {format_size(trainer)}. They start, but if both "
        "fill up, the kernel kills one of them."
    )
    return Verdict(Severity.WARNING, message, evidence, _list_remedies(subject))


def _list_remedies(subject: HostSubject) -> tuple[Remedy, ...]:
    """Return the remedies that make the planned containers fit."""
    remedies: list[Remedy] = []
    least = rules.compute_required_memory(1)
    if _has_room(change_stack(subject, proactor_threads=1, maxmemory=least)):
        command = (
            f"QCA_STACK_PROACTOR_THREADS=1 QCA_STACK_MAXMEMORY={format_exact_size(least)} qca up"
        )
        remedies.append(Remedy("Give Dragonfly the minimum that it needs", (command,)))
    if _has_room(change_training(subject, profile="cpu")):
        remedies.append(TRAIN_SMALL_MODEL)
    local = Remedy("Train without containers and Dragonfly", ("qca up --runtime local",))
    return (*remedies, local)


def _has_room(subject: HostSubject) -> bool:
    """Return whether both limits together fit in the memory that is available to containers."""
    plan, host = subject.plan, find_usable_memory(subject.facts)
    limit = plan.dragonfly.container_memory_bytes.value
    trainer = plan.trainer.container_memory_bytes.value
    return host is not None and limit + trainer <= host


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    for dragonfly in list_dragonflies(subject.file):
        where = dragonfly.service.memory_limit or dragonfly.service
        yield locate(_judge_service(subject, dragonfly), subject.file, where)


def _judge_service(subject: FileSubject, dragonfly: Dragonfly) -> Verdict:
    name, limit = dragonfly.service.name, read_size(dragonfly.service.memory_limit)
    if limit is None:
        message = f"Service {name} has no memory limit, so it can exceed maxmemory."
        return Verdict(Severity.INFO, message, {"service": name})
    if hidden := explain_hidden_start(dragonfly):
        return skip(f"Cannot compare the limits of service {name}.\n{hidden}")
    maxmemory = predict_maxmemory(subject.facts, dragonfly)
    if isinstance(maxmemory, Verdict):
        return skip(f"Cannot determine the maxmemory of service {name}.")
    return _compare(dragonfly, maxmemory.size, limit)


def _compare(dragonfly: Dragonfly, maxmemory: int, limit: int) -> Verdict:
    name = dragonfly.service.name
    evidence = {"service": name, "maxmemory_bytes": maxmemory, "container_memory_bytes": limit}
    if limit >= maxmemory * rules.SNAPSHOT_HEADROOM:
        message = (
            f"Service {name}: maxmemory {format_size(maxmemory)} fits in {format_size(limit)}."
        )
        return ok(message, **evidence)
    message = (
        f"Service {name}: a container limit of {format_size(limit)} is too close to a maxmemory "
        f"of {format_size(maxmemory)}.\nDuring a snapshot Dragonfly may use up to a third more "
        "than maxmemory, so the kernel may kill it when it is full. "
        f"{format_size(compute_container_limit(maxmemory))} is safe."
    )
    # The user did not set this number: it is Dragonfly's default share of the limit.
    is_default = "maxmemory" not in dragonfly.flags
    return Verdict(Severity.INFO if is_default else Severity.WARNING, message, evidence)


CHECK = Check(
    id="QCA302",
    category="dragonfly",
    title="Memory limits do not fit together",
    needs=("memory",),
    looks_at="maxmemory, Dragonfly's container limit, the trainer's container limit, and the "
    "memory available to containers (the host's, or that of Docker Desktop's virtual machine).",
    why="During a snapshot Dragonfly's resident memory has been seen to rise a third above "
    "maxmemory (v1.40, filled to a maxmemory of 256 and 512 MiB, used 4% to 11% more). A container "
    "limit of 1.35 times maxmemory is therefore safe; below it the kernel may kill Dragonfly when "
    "it is full. "
    "The sum of the limits should not exceed the host's memory. Dragonfly starts anyway, so this "
    "is a warning.",
    fix="Lower maxmemory (with fewer threads), or raise the limit.",
    url="https://github.com/dragonflydb/dragonfly/issues/3658",
    judge_host=_judge_host,
    judge_file=_judge_file,
)
