"""QCA704: does Dragonfly accept the flags and values that the file gives it?"""

from collections.abc import Iterator

from infra.compose_file.model import ComposeFile
from infra.doctor.analysis.dragonfly_services import explain_hidden_flags, list_dragonflies
from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, locate, ok, skip
from infra.doctor.remedies.rename_flag import offer_for_fault
from infra.doctor.subjects import FileSubject
from infra.dragonfly.flag_faults import Effect, FaultKind, FlagFault
from infra.dragonfly.flag_table import Standing, read_flag_table
from infra.dragonfly.given_flags import OLD_PASSWORD, VARIABLES_READ
from infra.dragonfly.releases import LATEST, NEWEST_READ, format_release
from infra.dragonfly.service import Dragonfly

# QCA301 checks the values of these flags.
_JUDGED_ELSEWHERE = frozenset({"maxmemory", "proactor_threads"})

# Dragonfly's counterparts of Redis flags.
_FLAGS_OF_REDIS = {
    "appendonly": "Dragonfly has no append-only file; use --snapshot_cron for snapshots",
    "maxmemory_policy": "use --cache_mode=true to evict keys",
    "save": "use --snapshot_cron with a crontab for snapshots",
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
        message = f"Cannot determine all flags of service {name}.\n{hidden}"
        yield locate(skip(message, service=name), file, dragonfly.service)
    elif not faults:
        release = format_release(dragonfly.release)
        message = f"Service {name}: Dragonfly {release} accepts all of its flags."
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
            f"cannot determine whether Dragonfly {release} has the flag {flag}.\nThe newest "
            f"release whose flags were read is {format_release(NEWEST_READ)}. Dragonfly exits if "
            f"it does not know a flag.{_suggest(fault)}"
        )
    what = "flag" if fault.given.words else "environment variable"
    written = flag if fault.given.words else f"DFLY_{flag}"
    return (
        f"Dragonfly {release} exits immediately: unknown {what} {written!r}.\n"
        f"{_explain_absence(dragonfly, fault)}{_suggest(fault)}"
    )


def _explain_absence(dragonfly: Dragonfly, fault: FlagFault) -> str:
    """Return a sentence that explains why this release does not accept the flag."""
    if fault.flag == OLD_PASSWORD and not fault.given.words:
        return f"Releases before {format_release(VARIABLES_READ)} read the password from it."
    if fault.standing is Standing.RETIRED:
        since = format_release(read_flag_table()[fault.flag].retired)
        return f"It has been retired since {since}, and is ignored only on the command line."
    if fault.standing is not Standing.ABSENT:
        return "No release is known to have it."
    history = read_flag_table()[fault.flag]
    if dragonfly.release >= history.absent:
        return f"It was removed in {format_release(history.absent)}."
    if history.gap is not None and dragonfly.release >= history.since:
        return f"{format_release(history.gap[0])} to {format_release(history.gap[1])} lack it."
    return "A later release added it."


def _suggest(fault: FlagFault) -> str:
    hint = _FLAGS_OF_REDIS.get(fault.flag.lower().replace("-", "_"))
    if hint:
        return f" It is a Redis flag: {hint}."
    _, blank, value = fault.flag.partition(" ")
    if not fault.instead:
        return " `dragonfly --helpfull` lists its flags."
    if not fault.is_sure:
        return f" Did you mean {fault.instead}?"
    prefix = "" if fault.given.words else "DFLY_"
    item = " Write the value as a separate item, or after an =." if blank else ""
    return f" Write {prefix}{fault.instead}{'=' + value.strip() if blank else ''}.{item}"


def _explain_value(dragonfly: Dragonfly, fault: FlagFault) -> str:
    release = format_release(dragonfly.release)
    if fault.effect is Effect.UNCERTAIN:
        newest = format_release(NEWEST_READ)
        return (
            f"cannot determine whether Dragonfly {release} starts.\n{newest} exits because of "
            f"this: {fault.reason}."
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
    f"services, for the release in the image's name (by default {format_release(LATEST)}).",
    why="Dragonfly exits immediately if it does not know a flag or a DFLY_* variable, if a value "
    "is invalid, or if its own rules forbid the value, such as a dbfilename with an extension. "
    "Flags change between releases: qca's table of flags has each release from v1.0 to "
    f"{format_release(NEWEST_READ)}; for v2 it has only the flags that the release pages mention.",
    fix="Use a flag that the release has, with a value that it accepts, or remove the flag.",
    url="https://github.com/dragonflydb/dragonfly/releases",
    judge_file=_judge_file,
)
