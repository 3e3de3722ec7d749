"""QCA704: does Dragonfly accept the flags and values that the file gives it?"""

from collections.abc import Iterator

from infra.compose_file.model import ComposeFile
from infra.doctor.check import Check
from infra.doctor.dragonfly_services import explain_hidden_flags, list_dragonflies
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.remedies.rename_flag import offer_for_fault
from infra.doctor.subjects import FileSubject
from infra.dragonfly.flag_faults import Effect, FaultKind, FlagFault
from infra.dragonfly.flag_table import Standing, read_flag_table
from infra.dragonfly.given_flags import OLD_PASSWORD, VARIABLES_READ
from infra.dragonfly.releases import LATEST, NEWEST_READ, format_release
from infra.dragonfly.service import Dragonfly

# Flags whose values QCA301 judges: they are what it starts with.
_JUDGED_ELSEWHERE = frozenset({"maxmemory", "proactor_threads"})

# What Dragonfly has in place of a flag of Redis.
_FLAGS_OF_REDIS = {
    "appendonly": "Dragonfly keeps no append-only file; snapshots are --snapshot_cron",
    "maxmemory_policy": "an eviction policy is --cache_mode=true",
    "save": "snapshots are --snapshot_cron with a crontab",
}

_SEVERITIES = {
    Effect.EXITS: Severity.ERROR,
    Effect.IGNORED: Severity.INFO,
    Effect.UNCERTAIN: Severity.SKIPPED,
}


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    for dragonfly in list_dragonflies(subject.file):
        yield from _judge_service(subject.file, dragonfly)


def _judge_service(file: ComposeFile, dragonfly: Dragonfly) -> Iterator[Verdict]:
    name = dragonfly.service.name
    faults = [fault for fault in dragonfly.faults if not _is_judged_elsewhere(fault)]
    for fault in faults:
        yield locate(_report(file, dragonfly, fault), file, fault.given)
    if hidden := explain_hidden_flags(dragonfly):
        message = f"Not every flag of service {name} can be seen.\n{hidden}"
        yield locate(skip(message, service=name), file, dragonfly.service)
    elif not faults:
        release = format_release(dragonfly.release)
        message = f"Service {name}: Dragonfly {release} is known to accept each of its flags."
        yield locate(ok(message, service=name), file, dragonfly.service)


def _is_judged_elsewhere(fault: FlagFault) -> bool:
    return fault.kind is FaultKind.VALUE and fault.flag in _JUDGED_ELSEWHERE


def _report(file: ComposeFile, dragonfly: Dragonfly, fault: FlagFault) -> Verdict:
    is_name = fault.kind is FaultKind.NAME
    explanation = _explain_name(dragonfly, fault) if is_name else _explain_value(dragonfly, fault)
    remedies = () if fault.effect is Effect.UNCERTAIN else offer_for_fault(file, dragonfly, fault)
    message = f"Service {dragonfly.service.name}: {explanation}"
    evidence = {"service": dragonfly.service.name, "flag": fault.flag}
    return Verdict(_SEVERITIES[fault.effect], message, evidence, remedies)


def _explain_name(dragonfly: Dragonfly, fault: FlagFault) -> str:
    release, flag = format_release(dragonfly.release), fault.flag
    if fault.effect is Effect.IGNORED:
        since = format_release(read_flag_table()[flag].retired)
        return f"Dragonfly {release} ignores the flag {flag}, retired since {since}."
    if fault.effect is Effect.UNCERTAIN:
        return (
            f"cannot determine whether Dragonfly {release} has the flag {flag}.\n"
            f"The newest release whose flags were read is {format_release(NEWEST_READ)}. It exits "
            f"over a flag that it does not know.{_suggest(fault)}"
        )
    what = "flag" if fault.given.words else "environment variable"
    written = flag if fault.given.words else f"DFLY_{flag}"
    return (
        f"Dragonfly {release} exits immediately: unknown {what} {written!r}.\n"
        f"{_explain_absence(dragonfly, fault)}{_suggest(fault)}"
    )


def _explain_absence(dragonfly: Dragonfly, fault: FlagFault) -> str:
    """Return since when or until when the release lacks the flag."""
    if fault.flag == OLD_PASSWORD and not fault.given.words:
        return f"Releases before {format_release(VARIABLES_READ)} took the password from it."
    if fault.standing is Standing.RETIRED:
        since = format_release(read_flag_table()[fault.flag].retired)
        return f"Retired since {since}, it is ignored on the command line only."
    if fault.standing is not Standing.ABSENT:
        return "No release is known to have it."
    history = read_flag_table()[fault.flag]
    if dragonfly.release >= history.absent:
        return f"It is gone since {format_release(history.absent)}."
    if history.gap is not None and dragonfly.release >= history.since:
        return f"{format_release(history.gap[0])} to {format_release(history.gap[1])} lack it."
    return "It came with a later release."


def _suggest(fault: FlagFault) -> str:
    hint = _FLAGS_OF_REDIS.get(fault.flag.lower().replace("-", "_"))
    if hint:
        return f" It is Redis's: {hint}."
    _, blank, value = fault.flag.partition(" ")
    if not fault.instead:
        return " `dragonfly --helpfull` lists those it has."
    if not fault.is_sure:
        return f" Did you mean {fault.instead}?"
    prefix = "" if fault.given.words else "DFLY_"
    item = " A value is an item of its own, or behind a =." if blank else ""
    return f" Write {prefix}{fault.instead}{'=' + value.strip() if blank else ''}.{item}"


def _explain_value(dragonfly: Dragonfly, fault: FlagFault) -> str:
    release = format_release(dragonfly.release)
    if fault.effect is Effect.UNCERTAIN:
        newest = format_release(NEWEST_READ)
        return (
            f"cannot determine whether Dragonfly {release} starts.\n{newest} exits over this: "
            f"{fault.reason}."
        )
    if fault.kind is FaultKind.VALUE:
        written = f"{fault.flag}={fault.given.value}"
        return f"Dragonfly exits immediately: illegal value {written}.\n{_capitalize(fault)}."
    return f"Dragonfly exits immediately: {fault.reason}."


def _capitalize(fault: FlagFault) -> str:
    return fault.reason[:1].upper() + fault.reason[1:]


CHECK = Check(
    id="QCA704",
    category="file",
    title="A flag or value that Dragonfly does not accept",
    needs=(),
    looks_at="flags on the command line, in flag files and in DFLY_* variables of Dragonfly "
    f"services, by the release in the image's name (none named: {format_release(LATEST)}).",
    why="Dragonfly exits immediately over a flag or a DFLY_* variable that it does not know, over "
    "a value that the flag cannot have, and over some that its own rules forbid, such as a "
    "dbfilename with an extension. Flags come and go: the table has each release from v1.0 to "
    f"{format_release(NEWEST_READ)}; of v2 only what its release pages name is known.",
    fix="Write the name of a flag that the release has, with a value that it takes, or drop it.",
    url="https://github.com/dragonflydb/dragonfly/releases",
    judge_file=_judge_file,
)
