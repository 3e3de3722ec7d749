"""Offer more memory or fewer threads so that Dragonfly starts, for a plan or a file."""

from collections.abc import Callable

from infra.compose_file.limits import read_size
from infra.compose_file.model import ComposeFile
from infra.doctor.analysis.dragonfly_start import count_threads
from infra.doctor.finding import Remedy
from infra.doctor.remedies.line_edit import edit_line, replace_on_line
from infra.doctor.remedies.set_flag import set_flag
from infra.doctor.remedies.training import TRAIN_LOCALLY
from infra.doctor.subjects import FileSubject, HostSubject
from infra.dragonfly import startup_rules as rules
from infra.dragonfly.service import Dragonfly
from infra.stack.dragonfly_plan import compute_container_limit, find_usable_memory
from qca.core.config import MAX_DRAGONFLY_THREADS
from qca.core.units import format_count, format_exact_size, format_size


def format_answers(
    threads: int, maxmemory: int, comment: Callable[[int], str] = lambda _: ""
) -> str:
    """Return a sentence that offers more memory or fewer threads, with a comment on each size."""
    needed, fewer = rules.compute_required_memory(threads), rules.compute_max_threads(maxmemory)
    more = f"{format_size(needed)} for {format_count(threads, 'thread')}{comment(needed)}"
    if fewer == 0:
        return f"Give it {more}; {format_size(maxmemory)} is too little for a single thread."
    return (
        f"Give it {more}, or at most {format_count(fewer, 'thread')} "
        f"in {format_size(maxmemory)}{comment(maxmemory)}."
    )


def format_plan_answers(subject: HostSubject, threads: int, maxmemory: int) -> str:
    """Return `format_answers` with comments on whether this host has the memory."""
    return format_answers(threads, maxmemory, lambda size: f" ({_describe_room(subject, size)})")


def _describe_room(subject: HostSubject, maxmemory: int) -> str:
    host = find_usable_memory(subject.facts)
    if host is None:
        return "the host's memory is unknown"
    can = (
        "fits in this host's memory" if _has_room(subject, maxmemory) else "too much for this host"
    )
    limit = compute_container_limit(maxmemory)
    trainer = subject.plan.trainer.container_memory_bytes.value
    return (
        f"{can}: {format_size(limit)} with headroom, plus the trainer's {format_size(trainer)}, "
        f"of {format_size(host)}"
    )


def _has_room(subject: HostSubject, maxmemory: int) -> bool:
    host = find_usable_memory(subject.facts)
    needed = compute_container_limit(maxmemory) + subject.plan.trainer.container_memory_bytes.value
    return host is not None and needed <= host


def offer_for_plan(subject: HostSubject, threads: int, maxmemory: int) -> tuple[Remedy, ...]:
    """Return the remedies for a plan whose Dragonfly does not start.

    More memory is offered if the host has it, and fewer threads if `maxmemory` is enough for one.
    If neither is possible, the only remedy is to train without Dragonfly.
    """
    more, less = _add_memory(threads), _take_fewer_threads(maxmemory)
    can_have = threads <= MAX_DRAGONFLY_THREADS
    room = can_have and _has_room(subject, rules.compute_required_memory(threads))
    if less is None:
        return (more,) if room else (TRAIN_LOCALLY,)
    return (more, less) if room else (less,)


def _add_memory(threads: int) -> Remedy:
    needed = rules.compute_required_memory(threads)
    return Remedy(
        f"Give {format_count(threads, 'thread')} the necessary {format_size(needed)}",
        (f"QCA_STACK_MAXMEMORY={format_exact_size(needed)} qca up",),
    )


def _take_fewer_threads(maxmemory: int) -> Remedy | None:
    """Return the remedy with fewer threads, or None if the memory is too small for one thread."""
    fewer = rules.compute_max_threads(maxmemory)
    if fewer == 0:
        return None
    return Remedy(
        f"Stay within {format_size(maxmemory)} with at most {format_count(fewer, 'thread')}",
        (f"QCA_STACK_PROACTOR_THREADS={fewer} qca up",),
    )


def offer_for_service(
    subject: FileSubject, dragonfly: Dragonfly, threads: int, maxmemory: int
) -> tuple[Remedy, ...]:
    """Return the remedies that make a service of a Compose project start.

    Fewer threads come first because they cost only a little speed; if the CPU limit determines the
    threads, a lower limit comes last. More memory is offered unless the host does not have it.
    """
    fewer = rules.compute_max_threads(maxmemory)
    more = _add_memory_to_service(subject, dragonfly, threads)
    if fewer == 0:
        return more
    would_start = count_threads(subject.facts, dragonfly, fewer)
    if would_start is None or would_start.count != fewer:  # the flag is overridden
        return (*more, _lower_cpu_limit(subject.file, dragonfly, fewer))
    less = set_flag(subject.file, dragonfly, "proactor_threads", str(fewer), automatic=True)
    return (less, *more)


def _add_memory_to_service(
    subject: FileSubject, dragonfly: Dragonfly, threads: int
) -> tuple[Remedy, ...]:
    if threads > MAX_DRAGONFLY_THREADS:
        return ()
    needed = rules.compute_required_memory(threads)
    service, safe = dragonfly.service, compute_container_limit(needed)
    host, limit = find_usable_memory(subject.facts), read_size(service.memory_limit)
    if host is not None and needed > host:
        return ()
    if limit is not None and limit < safe:
        title = f"Give service {service.name} --maxmemory={format_exact_size(needed)} and a memory "
        return (Remedy(f"{title}limit of at least {format_size(safe)}"),)
    return (set_flag(subject.file, dragonfly, "maxmemory", format_exact_size(needed)),)


def _lower_cpu_limit(file: ComposeFile, dragonfly: Dragonfly, threads: int) -> Remedy:
    cpus = dragonfly.service.cpus
    edit = replace_on_line(file, cpus, cpus.raw, str(threads)) if cpus else None
    if edit is not None:
        title = f"Set the CPU limit to {threads} at {edit.file}:{edit.line}"
        return edit_line(title, edit, automatic=False)
    return Remedy(f"Set the CPU limit of service {dragonfly.service.name} to {threads}")
