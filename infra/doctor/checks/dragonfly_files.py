"""Dragonfly as somebody's compose file starts it: would it start, and is it safe?"""

from collections.abc import Iterator
from dataclasses import dataclass

from infra.compose_file.limits import read_cpu_quota, read_cpuset, read_size
from infra.compose_file.model import ComposeFile, LocatedValue, Service
from infra.doctor.container_limits import count_container_cpus, find_container_memory
from infra.doctor.dragonfly_services import explain_hidden_flags, list_dragonflies
from infra.doctor.finding import Remedy, Severity, Verdict, locate, ok, skip
from infra.doctor.remedies.set_flag import set_flag
from infra.doctor.subjects import FileSubject
from infra.dragonfly import startup_rules as rules
from infra.dragonfly.service import Dragonfly
from infra.host.facts import Engine, known_or_none
from qca.core.units import counted, exact_size, format_size


@dataclass(frozen=True)
class _Start:
    """What Dragonfly would start with."""

    threads: rules.Threads
    maxmemory: int
    because: str


def judge_start(subject: FileSubject) -> Iterator[Verdict]:
    """Judge QCA301 for every Dragonfly service of the project."""
    for dragonfly in list_dragonflies(subject.file):
        verdict = _starts(subject, subject.file, dragonfly)
        yield locate(verdict, subject.file, _decisive(dragonfly))


def judge_container_limits(subject: FileSubject) -> Iterator[Verdict]:
    """Judge QCA302 for every Dragonfly service of the project."""
    for dragonfly in list_dragonflies(subject.file):
        where = dragonfly.service.memory_limit or dragonfly.service
        yield locate(_nests(subject, dragonfly), subject.file, where)


def _starts(subject: FileSubject, file: ComposeFile, dragonfly: Dragonfly) -> Verdict:
    name, release = dragonfly.service.name, dragonfly.release
    if dragonfly.is_one_word:
        message = (
            f"Service {name}: no program has the name {dragonfly.other_program!r}.\n"
            "Give each word of the command an item of its own, or write it as one string."
        )
        return Verdict(Severity.ERROR, message, {"service": name})
    if hidden := _hidden(dragonfly):
        return skip(f"Whether service {name} starts cannot be told.\n{hidden}")
    start = _start(subject, dragonfly)
    if isinstance(start, Verdict):
        return start
    count, maxmemory = start.threads.count, start.maxmemory
    evidence = {
        "service": name,
        "proactor_threads": count,
        "maxmemory_bytes": maxmemory,
        "required_bytes": rules.compute_required_memory(count),
        "release": "v" + ".".join(map(str, release)),
    }
    how = (
        f"{counted(count, 'thread')} ({start.threads.because}), "
        f"{format_size(maxmemory)} ({start.because})"
    )
    if release > rules.NEWEST:
        how += f", by the rules of v{rules.NEWEST[0]}.{rules.NEWEST[1]}, the newest that is known"
    if not rules.refuses_to_start(count, maxmemory):
        if flags := dragonfly.fatal_flags:
            message = f"Service {name}: {how} would do, but it ends over {flags[0]!r} (QCA704)."
            return Verdict(Severity.INFO, message, evidence)
        if flags := dragonfly.unknown_flags:
            why = f"whether it knows the flag {flags[0]} cannot be told (QCA704)"
            return skip(f"Service {name}: {how} would do, but {why}.", **evidence)
        return ok(f"Service {name}: Dragonfly starts with {how}.", **evidence)
    message = (
        f"Service {name}: Dragonfly would say: {rules.format_refusal(count, release)}\n"
        f"It wants 256 MiB for each thread, and would have {how}.\n"
        f"{_answers(count, maxmemory)}"
    )
    return Verdict(Severity.ERROR, message, evidence, _remedies(file, dragonfly, count, maxmemory))


def _start(subject: FileSubject, dragonfly: Dragonfly) -> _Start | Verdict:
    threads = _threads(subject, dragonfly)
    if isinstance(threads, Verdict):
        return threads
    given = dragonfly.flags.get("maxmemory")
    if given is not None:
        size = rules.read_size(given.value, dragonfly.release)
        if size is None:
            return _bad_size(dragonfly, given)
        if size:
            return _Start(threads, size, given.raw)
    available, limit = (
        find_container_memory(subject.facts),
        read_size(dragonfly.service.memory_limit),
    )
    if available is None:
        return skip(
            f"Service {dragonfly.service.name} sets no maxmemory, and the host's memory is unknown."
        )
    default = rules.compute_default_maxmemory(available, limit, dragonfly.release)
    return _Start(threads, default, "no maxmemory given: 0.8 of what is available")


def _threads(subject: FileSubject, dragonfly: Dragonfly) -> rules.Threads | Verdict:
    service, given = dragonfly.service, dragonfly.flags.get("proactor_threads")
    if given is not None and not given.value.isdecimal():
        message = (
            f"Service {service.name}: proactor_threads {given.value!r} is not a number; "
            "Dragonfly ends at once."
        )
        return Verdict(Severity.ERROR, message, {"service": service.name, "given": given.value})
    docker = known_or_none(subject.facts.docker)
    engine = docker if isinstance(docker, Engine) else None
    return rules.count_threads(
        len(read_cpuset(service.cpuset) or ()) or count_container_cpus(subject.facts),
        quota=read_cpu_quota(service),
        flag=int(given.value) if given else None,
        cgroup_version=engine.cgroup_version if engine else "2",
        release=dragonfly.release,
    )


def _bad_size(dragonfly: Dragonfly, given: LocatedValue) -> Verdict:
    message = (
        f"Service {dragonfly.service.name}: Dragonfly cannot read the size {given.value!r} and "
        "ends at once.\nIt says: Use human-readable format, eg.: 500MB, 1G, 1TB"
    )
    return Verdict(
        Severity.ERROR, message, {"service": dragonfly.service.name, "given": given.value}
    )


def _hidden(dragonfly: Dragonfly) -> str:
    """Say why the file does not tell what Dragonfly starts with; empty where it does."""
    both = {"maxmemory", "proactor_threads"} <= set(dragonfly.flags)
    return "" if both and not dragonfly.other_program else explain_hidden_flags(dragonfly)


def _answers(threads: int, maxmemory: int) -> str:
    more = f"{format_size(rules.compute_required_memory(threads))} for {counted(threads, 'thread')}"
    fewer = rules.compute_max_threads(maxmemory)
    if fewer == 0:
        return f"One answer: {more}; {format_size(maxmemory)} does not hold a single thread."
    return (
        f"Two answers: {more}, or at most {counted(fewer, 'thread')} in {format_size(maxmemory)}."
    )


def _remedies(
    file: ComposeFile, dragonfly: Dragonfly, threads: int, maxmemory: int
) -> tuple[Remedy, ...]:
    needed, fewer = rules.compute_required_memory(threads), rules.compute_max_threads(maxmemory)
    remedies = [set_flag(file, dragonfly, "maxmemory", exact_size(needed))]
    if fewer:
        # Fewer threads cost a little speed; more memory may be more than the host has.
        remedies.insert(
            0, set_flag(file, dragonfly, "proactor_threads", str(fewer), automatic=True)
        )
    return tuple(remedies)


def _nests(subject: FileSubject, dragonfly: Dragonfly) -> Verdict:
    service = dragonfly.service
    limit = read_size(service.memory_limit)
    if limit is None:
        message = f"Service {service.name} has no memory limit: nothing holds it under maxmemory."
        return Verdict(Severity.INFO, message, {"service": service.name})
    if hidden := _hidden(dragonfly):
        return skip(f"The limits of service {service.name} cannot be compared.\n{hidden}")
    start = _start(subject, dragonfly)
    if isinstance(start, Verdict):
        return skip(f"The maxmemory of service {service.name} cannot be told.")
    evidence = {
        "service": service.name,
        "maxmemory_bytes": start.maxmemory,
        "container_memory_bytes": limit,
    }
    if limit < start.maxmemory * rules.SNAPSHOT_HEADROOM:
        message = (
            f"Service {service.name}: a container limit of {format_size(limit)} is too close to a "
            f"maxmemory of {format_size(start.maxmemory)}.\nA snapshot takes about a third more "
            "than maxmemory; the kernel kills Dragonfly when it fills up. "
            f"{format_size(start.maxmemory)} want a limit of 1.35 times that."
        )
        # Nobody asked for that number: it is Dragonfly's own default share of the limit.
        own_choice = "maxmemory" not in dragonfly.flags
        return Verdict(Severity.INFO if own_choice else Severity.WARNING, message, evidence)
    return ok(
        f"Service {service.name}: maxmemory {format_size(start.maxmemory)} within "
        f"{format_size(limit)}.",
        **evidence,
    )


def _decisive(dragonfly: Dragonfly) -> LocatedValue | Service:
    """Return the place to look at: the threads', else the memory's, else the service's."""
    for flag in ("proactor_threads", "maxmemory"):
        if flag in dragonfly.flags:
            return dragonfly.flags[flag]
    return dragonfly.service
