"""Would Dragonfly start, and do its limits fit into one another?"""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.checks.dragonfly_files import judge_container_limits, judge_start
from infra.doctor.checks.io_uring import IO_URING
from infra.doctor.checks.memlock import MEMLOCK
from infra.doctor.container_limits import count_container_cpus, find_container_memory
from infra.doctor.finding import Remedy, Severity, Verdict, ok
from infra.doctor.subjects import HostSubject
from infra.dragonfly import startup_rules as rules
from infra.stack.dragonfly_plan import container_host_memory, container_limit
from qca.core.units import counted, exact_size, format_size


def _plan_starts(subject: HostSubject) -> Verdict:
    plan = subject.plan.dragonfly
    threads, maxmemory = plan.proactor_threads.value, plan.maxmemory_bytes.value
    release = rules.parse_release(plan.image)
    evidence = {
        "proactor_threads": threads,
        "maxmemory_bytes": maxmemory,
        "required_bytes": rules.compute_required_memory(threads),
    }
    if not rules.refuses_to_start(threads, maxmemory):
        need = "needs" if threads == 1 else "need"
        headline = (
            f"Dragonfly starts: {counted(threads, 'thread')} {need} "
            f"{format_size(rules.compute_required_memory(threads))}, "
            f"maxmemory is {format_size(maxmemory)}."
        )
        return ok("\n".join([headline, *_left_alone(subject)]), **evidence)
    message = (
        f"Dragonfly would say: {rules.format_refusal(threads, release)}\n"
        f"It wants 256 MiB for each of its {counted(threads, 'thread')}; "
        f"maxmemory is {format_size(maxmemory)}.\n{_two_answers(subject, threads, maxmemory)}"
    )
    stops = subject.plan.runtime.value == "compose"
    if not stops:
        message += "\nThe local run that `qca up` would start has no Dragonfly."
    return Verdict(
        Severity.ERROR if stops else Severity.WARNING,
        message,
        evidence,
        _remedies(subject, threads, maxmemory),
    )


def _left_alone(subject: HostSubject) -> Iterator[str]:
    """Say what Dragonfly would have done without the plan's numbers, where that goes wrong."""
    cpus = count_container_cpus(subject.facts)
    maxmemory = subject.config.stack.maxmemory
    available = find_container_memory(subject.facts)
    if maxmemory is None and available is not None:
        maxmemory = rules.compute_default_maxmemory(available, None)
    if maxmemory is None:
        return
    release = rules.parse_release(subject.plan.dragonfly.image)
    if rules.refuses_to_start(cpus, maxmemory):
        yield (
            f"Left alone it would take {counted(cpus, 'thread')} and end: "
            f"{rules.format_refusal(cpus, release)} "
            f"{_two_answers(subject, cpus, maxmemory)}"
        )
    else:
        yield (
            f"Left alone it would take {counted(cpus, 'thread')} with "
            f"{format_size(maxmemory)}; "
            f"{format_size(rules.compute_required_memory(cpus))} would do."
        )


def _two_answers(subject: HostSubject, threads: int, maxmemory: int) -> str:
    needed, fewer = rules.compute_required_memory(threads), rules.compute_max_threads(maxmemory)
    more = f"{format_size(needed)} for {counted(threads, 'thread')} ({_held(subject, needed)})"
    if fewer == 0:
        return f"One answer: {more}; {format_size(maxmemory)} does not hold a single thread."
    return (
        f"Two answers: {more}, or at most {counted(fewer, 'thread')} in {format_size(maxmemory)} "
        f"({_held(subject, maxmemory)})."
    )


def _held(subject: HostSubject, maxmemory: int) -> str:
    host = container_host_memory(subject.facts)
    if host is None:
        return "the host's memory could not be seen"
    can = "this host can hold it" if _fits(subject, maxmemory) else "too much for this host"
    limit = container_limit(maxmemory)
    trainer = subject.plan.trainer.container_memory_bytes.value
    return (
        f"{can}: {format_size(limit)} with headroom, beside the trainer's {format_size(trainer)}, "
        f"of {format_size(host)}"
    )


def _fits(subject: HostSubject, maxmemory: int) -> bool:
    host = container_host_memory(subject.facts)
    needed = container_limit(maxmemory) + subject.plan.trainer.container_memory_bytes.value
    return host is not None and needed <= host


def _remedies(subject: HostSubject, threads: int, maxmemory: int) -> tuple[Remedy, ...]:
    needed, fewer = rules.compute_required_memory(threads), rules.compute_max_threads(maxmemory)
    more = Remedy(
        f"Give {counted(threads, 'thread')} the necessary {format_size(needed)}",
        (f"QCA_STACK_MAXMEMORY={exact_size(needed)} qca up",),
        breaks="" if _fits(subject, needed) else "this host cannot hold it beside the trainer",
    )
    if fewer == 0:
        return (more,)
    less = Remedy(
        f"Stay within {format_size(maxmemory)} with at most {counted(fewer, 'thread')}",
        (f"QCA_STACK_PROACTOR_THREADS={fewer} qca up",),
    )
    return (more, less) if _fits(subject, needed) else (less, more)


def _plan_nests(subject: HostSubject) -> Verdict:
    plan, trainer = subject.plan.dragonfly, subject.plan.trainer
    host = container_host_memory(subject.facts)
    assert host is not None  # `memory` is in needs
    maxmemory, limit = plan.maxmemory_bytes.value, plan.container_memory_bytes.value
    together = limit + trainer.container_memory_bytes.value
    evidence = {
        "maxmemory_bytes": maxmemory,
        "container_memory_bytes": limit,
        "trainer_memory_bytes": trainer.container_memory_bytes.value,
        "host_memory_bytes": host,
    }
    if subject.plan.runtime.value == "local":
        return ok("No container limits to fit: the local run has neither Dragonfly nor containers.")
    if limit < maxmemory * rules.SNAPSHOT_HEADROOM:
        message = (
            f"Dragonfly's container limit of {format_size(limit)} is too close to its maxmemory of "
            f"{format_size(maxmemory)}.\nA snapshot takes about a third more than maxmemory; the "
            f"kernel then kills Dragonfly. It needs {format_size(container_limit(maxmemory))}."
        )
        return Verdict(Severity.WARNING, message, evidence)
    if together > host:
        return _over_host(subject, together, host, evidence)
    return ok(
        f"maxmemory {format_size(maxmemory)}, within its container's {format_size(limit)}, and "
        f"with the trainer's {format_size(trainer.container_memory_bytes.value)} within the "
        f"{format_size(host)} that containers have.",
        **evidence,
    )


def _over_host(subject: HostSubject, together: int, host: int, evidence: dict[str, int]) -> Verdict:
    message = (
        f"The containers may take {format_size(together)}, and there are {format_size(host)}.\n"
        f"Dragonfly's limit is {format_size(evidence['container_memory_bytes'])}, the trainer's "
        f"{format_size(evidence['trainer_memory_bytes'])}. They start, but when both fill up the "
        "kernel kills one of them."
    )
    remedies = []
    least = rules.compute_required_memory(1)
    if subject.plan.dragonfly.maxmemory_bytes.value > least:
        command = f"QCA_STACK_PROACTOR_THREADS=1 QCA_STACK_MAXMEMORY={exact_size(least)} qca up"
        remedies.append(Remedy("Give Dragonfly the least it runs with", (command,)))
    if subject.plan.trainer.profile.value != "cpu":
        remedies.append(Remedy("Train the small model", ("qca up --profile cpu",)))
    remedies.append(Remedy("Train without containers and Dragonfly", ("qca up --runtime local",)))
    return Verdict(Severity.WARNING, message, evidence, tuple(remedies))


CHECKS = (
    Check(
        id="QCA301",
        category="dragonfly",
        title="Dragonfly would refuse to start",
        needs=("cpu",),
        looks_at="the threads and the maxmemory that Dragonfly would start with: the plan's, and "
        "those of each Dragonfly service in the files given with -f (`--proactor_threads` and "
        "`--maxmemory` on the command line or as DFLY_*, the CPU limit, the memory limit, by the "
        "rules of the release that the image names).",
        why="Dragonfly exits when maxmemory is under 256 MiB for each of its threads, and left "
        "alone it takes one thread for every CPU that it sees: 16 threads want 4 GiB. Without "
        "maxmemory it takes 0.8 of what is available to it. Before v1.38 a CPU limit silently "
        "overrides --proactor_threads.",
        fix="Two answers: more memory for those threads, or fewer threads for that memory. The "
        "plan always states both numbers, so that neither depends on the host.",
        url="https://github.com/dragonflydb/dragonfly/blob/main/src/server/dfly_main.cc",
        judge_host=_plan_starts,
        judge_file=judge_start,
    ),
    Check(
        id="QCA302",
        category="dragonfly",
        title="Memory limits do not fit into one another",
        needs=("memory",),
        looks_at="maxmemory, Dragonfly's container limit, the trainer's container limit, and the "
        "memory that containers have (of the host, or of Docker Desktop's virtual machine).",
        why="Dragonfly's resident memory rises about a third above maxmemory during a snapshot, "
        "so that the container limit should be at least 1.35 times maxmemory; otherwise the "
        "kernel kills it when it fills up. The limits together should not exceed the host. It "
        "starts all the same, so this is a warning.",
        fix="Lower maxmemory (with fewer threads), or raise the limit.",
        url="https://github.com/dragonflydb/dragonfly/issues/3658",
        judge_host=_plan_nests,
        judge_file=judge_container_limits,
    ),
    IO_URING,
    MEMLOCK,
)
