"""QCA704: does Dragonfly know the flags and values that the file gives it?"""

from collections.abc import Iterator

from infra.compose_file.model import ComposeFile
from infra.doctor.check import Check
from infra.doctor.dragonfly_services import explain_hidden_flags, list_dragonflies
from infra.doctor.finding import Remedy, Severity, Verdict, locate, ok, skip
from infra.doctor.remedies.line_edit import edit_line, replace_on_line
from infra.doctor.subjects import FileSubject
from infra.dragonfly import startup_rules as rules
from infra.dragonfly.command import Flag
from infra.dragonfly.flags import REMOVED_FLAGS, find_closest_flag
from infra.dragonfly.service import Dragonfly

# Their successors take another kind of value, so that a new name alone does not do:
# save_schedule took HH:MM, snapshot_cron takes a crontab.
_CHANGED_VALUES = frozenset({"save_schedule"})


def _judge_file(subject: FileSubject) -> Iterator[Verdict]:
    for dragonfly in list_dragonflies(subject.file):
        yield from _judge_service(subject.file, dragonfly)


def _judge_service(file: ComposeFile, dragonfly: Dragonfly) -> Iterator[Verdict]:
    name = dragonfly.service.name
    verdicts = [
        *_refuse_unknown_flags(file, dragonfly),
        *_refuse_illegal_values(file, dragonfly),
        *_skip_uncertain_flags(file, dragonfly),
    ]
    yield from verdicts
    if hidden := explain_hidden_flags(dragonfly):
        message = f"Not every flag of service {name} can be seen.\n{hidden}"
        yield locate(skip(message, service=name), file, dragonfly.service)
    elif not verdicts:
        message = f"Service {name}: Dragonfly is known to have each of its flags."
        yield locate(ok(message, service=name), file, dragonfly.service)


def _refuse_unknown_flags(file: ComposeFile, dragonfly: Dragonfly) -> Iterator[Verdict]:
    name = dragonfly.service.name
    for flag, given in dragonfly.flags.items():
        instead = dragonfly.find_replacement(flag)
        if instead is not None:
            message = f"Service {name}: {_explain_unknown_flag(flag, instead)}"
            remedies = _rename_flag(file, given, flag, instead)
            evidence = {"service": name, "flag": flag}
            yield locate(Verdict(Severity.ERROR, message, evidence, remedies), file, given)


def _explain_unknown_flag(flag: str, instead: str) -> str:
    """Return what Dragonfly does, and what to write `instead`, which may be nothing."""
    if flag == "PASSWORD":
        return (
            "Dragonfly ends at once over DFLY_PASSWORD, which it does not know.\n"
            "The name is DFLY_requirepass, though the help of that flag says otherwise."
        )
    if flag in REMOVED_FLAGS:
        release = "v" + ".".join(map(str, REMOVED_FLAGS[flag][0][:2]))
        return f"Dragonfly ends at once over the flag {flag}.\nIt is gone since {release}" + (
            f": write {instead}." if instead else "."
        )
    return (
        f"Dragonfly ends at once over the flag {flag!r}.\nIt says: Unknown command line flag."
        + (f" Write {instead}." if instead else "")
        + (" A value is an item of its own, or behind a =." if " " in flag else "")
    )


def _rename_flag(file: ComposeFile, given: Flag, flag: str, instead: str) -> tuple[Remedy, ...]:
    name = given.words[0] if given.words else given
    can_rename = bool(instead) and flag not in _CHANGED_VALUES
    edit = replace_on_line(file, name, flag, instead) if can_rename else None
    if edit is None:
        return ()
    title = f"Write {instead} for {flag} at {edit.file}:{edit.line}"
    return (edit_line(title, edit, automatic=True),)


def _refuse_illegal_values(file: ComposeFile, dragonfly: Dragonfly) -> Iterator[Verdict]:
    name = dragonfly.service.name
    for flag in dragonfly.illegal_flags:
        given = dragonfly.flags[flag]
        message = (
            f"Service {name}: Dragonfly ends at once over {flag}={given.value}.\n"
            "The flag's value is a whole number"
            + (", of a port one up to 65535." if flag.endswith("port") else ".")
        )
        evidence = {"service": name, "flag": flag}
        yield locate(Verdict(Severity.ERROR, message, evidence), file, given)


def _skip_uncertain_flags(file: ComposeFile, dragonfly: Dragonfly) -> Iterator[Verdict]:
    name, newest = dragonfly.service.name, f"v{rules.NEWEST[0]}.{rules.NEWEST[1]}"
    for flag in dragonfly.unknown_flags:
        near = find_closest_flag(flag)
        message = (
            f"Service {name}: whether Dragonfly knows the flag {flag} cannot be told; "
            f"{newest} and older are not known to have it.\n"
            "It ends at once over a flag that it does not know."
            + (f" Is {near} meant?" if near else " `dragonfly --helpfull` lists those it has.")
        )
        yield locate(skip(message, service=name, flag=flag), file, dragonfly.flags[flag])


CHECK = Check(
    id="QCA704",
    category="file",
    title="A flag that Dragonfly does not know",
    needs=(),
    looks_at="flags on the command line and DFLY_* variables of Dragonfly services, by the "
    f"release in the image's name (none named: v{rules.NEWEST[0]}.{rules.NEWEST[1]}).",
    why="Dragonfly ends at once over a flag or a DFLY_* variable that it does not know, and "
    "over a value that the flag cannot have.",
    fix="Write the new name, or drop the flag.",
    url="https://github.com/dragonflydb/dragonfly/releases",
    judge_file=_judge_file,
)
