"""QCA301: does Dragonfly have enough memory for its threads to start?"""

from collections.abc import Iterator
from dataclasses import replace

from infra.compose_file.model import LocatedValue, Service
from infra.doctor.analysis.dragonfly_services import list_dragonflies
from infra.doctor.analysis.dragonfly_start import (
    DragonflyStart,
    describe_start,
    explain_hidden_start,
    forget_host,
    overlooks_limits,
    predict_start,
    predict_start_without_limits,
    sees_limits,
)
from infra.doctor.analysis.unlimited_containers import find_container_cpus, find_container_memory
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.remedies.dragonfly_memory import (
    format_answers,
    format_plan_answers,
    offer_for_plan,
    offer_for_service,
)
from infra.doctor.subjects import FileSubject, HostSubject
from infra.dragonfly import startup_rules as rules
from infra.dragonfly.releases import format_release, parse_release
from infra.dragonfly.service import Dragonfly
from infra.dragonfly.startup_rules import StartFault
from infra.host.facts import Engine, HostFacts, Unknown, known_or_none
from qca.core.config import MAX_DRAGONFLY_THREADS
from qca.core.units import format_count, format_size


def _judge_host(subject: HostSubject) -> Verdict:
    if isinstance(subject.facts.cpu, Unknown):
        return skip(
            "Cannot determine whether Dragonfly starts: the CPUs are unknown "
            f"({subject.facts.cpu.reason})."
        )
    plan = subject.plan.dragonfly
    threads, maxmemory = plan.proactor_threads.value, plan.maxmemory_bytes.value
    needed = rules.compute_required_memory(threads)
    evidence = {
        "proactor_threads": threads,
        "maxmemory_bytes": maxmemory,
        "required_bytes": needed,
    }
    fault = rules.find_start_fault(threads, maxmemory)
    if fault is None:
        need = "needs" if threads == 1 else "need"
        starts = "would start" if subject.is_local_run else "starts"
        headline = (
            f"Dragonfly {starts}: {format_count(threads, 'thread')} {need} {format_size(needed)}, "
            f"and maxmemory is {format_size(maxmemory)}."
        )
        return ok("\n".join([headline, *_describe_defaults(subject)]), **evidence)
    message = _describe_plan_fault(subject, fault)
    if subject.is_local_run:
        message += (
            "\nThis does not affect `qca up` here, which would run locally without Dragonfly."
        )
    severity = Severity.WARNING if subject.is_local_run else Severity.ERROR
    return Verdict(severity, message, evidence, offer_for_plan(subject, threads, maxmemory))


def _describe_plan_fault(subject: HostSubject, fault: StartFault) -> str:
    plan = subject.plan.dragonfly
    threads, maxmemory = plan.proactor_threads.value, plan.maxmemory_bytes.value
    if fault is StartFault.TOO_MANY_THREADS:
        return f"The store's {_describe_excess(threads)}."
    return (
        f"Dragonfly would report: {rules.format_refusal(threads, parse_release(plan.image))}\nIt "
        f"needs 256 MiB for each of its {format_count(threads, 'thread')}; maxmemory is "
        f"{format_size(maxmemory)}.\n{format_plan_answers(subject, threads, maxmemory)}"
    )


def _describe_excess(threads: int) -> str:
    return (
        f"{format_count(threads, 'thread')} are too many; Dragonfly aborts with more than "
        f"{MAX_DRAGONFLY_THREADS:,}"
    )


def _describe_defaults(subject: HostSubject) -> Iterator[str]:
    """Yield a sentence about Dragonfly's behavior without the plan's numbers, if it is known."""
    cpus = find_container_cpus(subject.facts)
    maxmemory = subject.config.stack.maxmemory
    available = find_container_memory(subject.facts)
    if maxmemory is None and available is not None:
        maxmemory = rules.compute_default_maxmemory(available, None)
    if maxmemory is None or cpus is None:
        return
    threads = format_count(cpus, "thread")
    fault = rules.find_start_fault(cpus, maxmemory)
    if fault is StartFault.TOO_MANY_THREADS:
        yield f"By default Dragonfly would abort: {_describe_excess(cpus)}."
    elif fault is StartFault.TOO_LITTLE_MEMORY:
        refusal = rules.format_refusal(cpus, parse_release(subject.plan.dragonfly.image))
        yield (
            f"By default Dragonfly would start {threads} and exit: {refusal} "
            f"{format_plan_answers(subject, cpus, maxmemory)}"
        )
    else:
        yield (
            f"By default Dragonfly would start {threads}, which need "
            f"{format_size(rules.compute_required_memory(cpus))}, and could store up to "
            f"{format_size(maxmemory)} of data."
        )


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    for dragonfly in list_dragonflies(subject.file):
        yield locate(_judge_service(subject, dragonfly), subject.file, _choose_line(dragonfly))


def _choose_line(dragonfly: Dragonfly) -> LocatedValue | Service:
    """Return where to report: at the threads flag, the memory flag, or else the service."""
    for flag in ("proactor_threads", "maxmemory"):
        if flag in dragonfly.flags:
            return dragonfly.flags[flag]
    return dragonfly.service


def _judge_service(subject: FileSubject, dragonfly: Dragonfly) -> Verdict:
    name = dragonfly.service.name
    if dragonfly.missing_program:
        message = f"Service {name}: {_explain_missing_program(dragonfly.missing_program)}"
        return Verdict(Severity.ERROR, message, {"service": name})
    if hidden := explain_hidden_start(dragonfly):
        return skip(f"Cannot determine whether service {name} starts.\n{hidden}")
    start = predict_start(subject.facts, dragonfly)
    if isinstance(start, Verdict):
        return start
    if verdict := _judge_unseen_limits(subject, dragonfly, start):
        return verdict
    if start.fault:
        return _report_fault(subject, dragonfly, start, start.fault)
    return _report_start(subject, dragonfly, start)


# A machine's available memory changes: in Dragonfly issue 3526, Dragonfly found 6.57 GiB in a
# virtual machine, too little for its 24 threads, and exited.
_NARROW_MARGIN = 0.25

_UNSEEN_LIMITS = (
    "Dragonfly does not see the container's limits, because this host does not mount cgroup v1's "
    "cpu and cpuacct together, in this order."
)


def _judge_unseen_limits(
    subject: FileSubject, dragonfly: Dragonfly, start: DragonflyStart
) -> Verdict | None:
    """Return the verdict if it depends on whether cgroup v1 shows the limits, otherwise None."""
    unlimited = predict_start_without_limits(subject.facts, dragonfly)
    is_open = unlimited is not None and bool(unlimited.fault) != bool(start.fault)
    starts_unseen = sees_limits(subject.facts) is False and not start.fault
    if not is_open and not starts_unseen:
        return None
    if refusal := _report_refusal_elsewhere(subject, dragonfly):
        return refusal
    return _report_unseen_limits(dragonfly, start, unlimited) if unlimited and is_open else None


def _report_refusal_elsewhere(subject: FileSubject, dragonfly: Dragonfly) -> Verdict | None:
    """Return the error for a service that fails on hosts where it sees its limits, or None."""
    elsewhere = replace(subject, facts=forget_host(subject.facts))
    start = predict_start(elsewhere.facts, dragonfly)
    if not isinstance(start, DragonflyStart) or not start.fault:
        return None
    verdict = _report_fault(elsewhere, dragonfly, start, start.fault)
    message = (
        f"{verdict.message}\nThis happens on every host that shows Dragonfly the container's "
        "limits; on this host's cgroup v1, Dragonfly may not see them, and may then start."
    )
    return replace(verdict, message=message)


def _report_unseen_limits(
    dragonfly: Dragonfly, start: DragonflyStart, unlimited: DragonflyStart
) -> Verdict:
    message = (
        f"Cannot determine whether service {dragonfly.service.name} starts: this host has cgroup "
        "v1.\nDragonfly sees the container's limits only if cpu and cpuacct are mounted together, "
        f"in this order. If so, it would have {describe_start(dragonfly, start)}; otherwise "
        f"{describe_start(dragonfly, unlimited)}."
    )
    return skip(message, **_collect_evidence(dragonfly, start))


def _explain_missing_program(program: str) -> str:
    if " " in program:
        return (
            f"there is no program {program!r}.\nWrite each word of the command as a separate "
            "item, or the command as one string."
        )
    return f"Dragonfly's image has no program {program}.\nUse `dragonfly`, or omit it."


def _report_start(subject: FileSubject, dragonfly: Dragonfly, start: DragonflyStart) -> Verdict:
    """Return the verdict on a service with enough memory; a flag may still stop it."""
    name, how = dragonfly.service.name, describe_start(dragonfly, start)
    evidence = _collect_evidence(dragonfly, start)
    if flags := dragonfly.fatal_flags:
        message = (
            f"Service {name}: {how} would be enough, but the flag {flags[0]!r} makes it exit "
            "(QCA704)."
        )
        return Verdict(Severity.INFO, message, evidence)
    if flags := dragonfly.uncertain_flags:
        why = f"cannot determine whether it accepts the flag {flags[0]} (QCA704)"
        return skip(f"Service {name}: {how} would be enough, but {why}.", **evidence)
    margin = _describe_margin(subject.facts, start)
    return ok(f"Service {name}: Dragonfly starts with {how}.{margin}", **evidence)


def _describe_margin(facts: HostFacts, start: DragonflyStart) -> str:
    """Return a sentence about a narrow margin that may vary, otherwise an empty string."""
    needed = rules.compute_required_memory(start.threads.count)
    spare = start.maxmemory.size - needed
    if not start.maxmemory.varies or spare >= needed * _NARROW_MARGIN:
        return ""
    docker = known_or_none(facts.docker)
    seen = (
        "The engine reports the total memory of its machine, not the available memory"
        if isinstance(docker, Engine) and docker.is_elsewhere
        else "The available memory depends on the other programs on this host"
    )
    return (
        f"\nThat is {format_size(spare)} more than the {format_size(needed)} that it needs. "
        f"{seen}. Set `--maxmemory` or `--proactor_threads` to make sure that it starts."
    )


def _report_fault(
    subject: FileSubject, dragonfly: Dragonfly, start: DragonflyStart, fault: StartFault
) -> Verdict:
    threads, maxmemory = start.threads.count, start.maxmemory.size
    message = f"Service {dragonfly.service.name}: {_describe_fault(dragonfly, start, fault)}"
    if overlooks_limits(subject.facts, dragonfly):
        message += f"\n{_UNSEEN_LIMITS}"
    evidence = _collect_evidence(dragonfly, start)
    remedies = offer_for_service(subject, dragonfly, threads, maxmemory)
    return Verdict(Severity.ERROR, message, evidence, remedies)


def _describe_fault(dragonfly: Dragonfly, start: DragonflyStart, fault: StartFault) -> str:
    threads, maxmemory = start.threads.count, start.maxmemory.size
    if fault is StartFault.TOO_MANY_THREADS:
        return f"{_describe_excess(threads)}."
    return (
        f"Dragonfly would report: {rules.format_refusal(threads, dragonfly.release)}\n"
        f"It needs 256 MiB for each thread, and would have {describe_start(dragonfly, start)}.\n"
        f"{format_answers(threads, maxmemory)}"
    )


def _collect_evidence(dragonfly: Dragonfly, start: DragonflyStart) -> dict[str, str | int]:
    return {
        "service": dragonfly.service.name,
        "proactor_threads": start.threads.count,
        "maxmemory_bytes": start.maxmemory.size,
        "required_bytes": rules.compute_required_memory(start.threads.count),
        "release": format_release(dragonfly.release),
    }


CHECK = Check(
    id="QCA301",
    category="dragonfly",
    title="Dragonfly would refuse to start",
    needs=(),
    looks_at="the threads and the maxmemory with which Dragonfly would start: those of the plan, "
    "and those of each Dragonfly service in the files given with -f. For a service, they follow "
    "from `--proactor_threads` and `--maxmemory` (on the command line or as DFLY_*), the CPU limit "
    "and the memory limit, according to the rules of the Dragonfly release in the image.",
    why="Dragonfly exits when maxmemory is under 256 MiB for each of its threads, and by default "
    "it starts one thread for every CPU that it sees: 16 threads need 4 GiB. Without maxmemory it "
    "uses 80% of the memory that is available to it. Before v1.38 a CPU limit silently overrides "
    "--proactor_threads. With more than 1023 threads it always aborts.",
    fix="Increase the memory or reduce the threads. The plan always sets both numbers, so "
    "Dragonfly never derives them from the host.",
    url="https://github.com/dragonflydb/dragonfly/blob/main/src/server/dfly_main.cc",
    judge_host=_judge_host,
    judge_file=_judge_file,
)
