"""Dragonfly's flags in compose files that somebody else wrote: does it know them?"""

from collections.abc import Iterator

from infra.compose_file.model import ComposeFile
from infra.doctor.check import Check
from infra.doctor.checks.dragonfly_files import hidden_flags, list_dragonflies
from infra.doctor.finding import Remedy, Severity, Verdict, locate, ok, skip
from infra.doctor.remedies.line_edit import edit_line, replace_on_line
from infra.doctor.subjects import FileSubject
from infra.dragonfly import startup_rules as rules
from infra.dragonfly.flags import REMOVED_FLAGS, find_closest_flag
from infra.dragonfly.service import Dragonfly, Flag


def _flags(subject: FileSubject) -> Iterator[Verdict]:
    for dragonfly in list_dragonflies(subject.file):
        yield from _flags_of(subject.file, dragonfly)


def _flags_of(file: ComposeFile, dragonfly: Dragonfly) -> Iterator[Verdict]:
    name = dragonfly.service.name
    found = [*_unknown(file, dragonfly), *_illegal(file, dragonfly)]
    found += [
        locate(_unheard_of(dragonfly, flag), file, dragonfly.flags[flag])
        for flag in dragonfly.unknown_flags
    ]
    yield from found
    if hidden := hidden_flags(dragonfly):
        message = f"Not every flag of service {name} can be seen.\n{hidden}"
        yield locate(skip(message, service=name), file, dragonfly.service)
    elif not found:
        message = f"Service {name}: Dragonfly is known to have each of its flags."
        yield locate(ok(message, service=name), file, dragonfly.service)


def _unknown(file: ComposeFile, dragonfly: Dragonfly) -> Iterator[Verdict]:
    name = dragonfly.service.name
    for flag, text in dragonfly.flags.items():
        instead = dragonfly.find_replacement(flag)
        if instead is None:
            continue
        if flag == "PASSWORD":
            message = (
                f"Service {name}: Dragonfly ends at once over DFLY_PASSWORD, which it does not "
                "know.\nThe name is DFLY_requirepass, though the help of that flag says otherwise."
            )
        elif flag in REMOVED_FLAGS:
            release = "v" + ".".join(map(str, REMOVED_FLAGS[flag][0][:2]))
            message = (
                f"Service {name}: Dragonfly ends at once over the flag {flag}.\n"
                f"It is gone since {release}" + (f": write {instead}." if instead else ".")
            )
        else:
            message = (
                f"Service {name}: Dragonfly ends at once over the flag {flag!r}.\n"
                f"It says: Unknown command line flag. Write {instead}."
                + (" A value is an item of its own, or behind a =." if " " in flag else "")
            )
        evidence = {"service": name, "flag": flag}
        remedies = _renamed(file, text, flag, instead)
        yield locate(Verdict(Severity.ERROR, message, evidence, remedies), file, text)


def _illegal(file: ComposeFile, dragonfly: Dragonfly) -> Iterator[Verdict]:
    name = dragonfly.service.name
    for flag in dragonfly.illegal_flags:
        text = dragonfly.flags[flag]
        message = (
            f"Service {name}: Dragonfly ends at once over {flag}={text.value}.\n"
            "The flag's value is a whole number"
            + (", of a port one up to 65535." if flag.endswith("port") else ".")
        )
        evidence = {"service": name, "flag": flag}
        yield locate(Verdict(Severity.ERROR, message, evidence), file, text)


def _unheard_of(dragonfly: Dragonfly, flag: str) -> Verdict:
    name, near = dragonfly.service.name, find_closest_flag(flag)
    message = (
        f"Service {name}: whether Dragonfly knows the flag {flag} cannot be told; "
        f"v{rules.NEWEST[0]}.{rules.NEWEST[1]} and older are not known to have it.\n"
        "It ends at once over a flag that it does not know."
        + (f" Is {near} meant?" if near else " `dragonfly --helpfull` lists those it has.")
    )
    return skip(message, service=name, flag=flag)


def _renamed(file: ComposeFile, given: Flag, flag: str, instead: str) -> tuple[Remedy, ...]:
    name = given.words[0] if given.words else given
    edit = replace_on_line(file, name, flag, instead) if instead else None
    if edit is None:
        return ()
    title = f"Write {instead} for {flag} at {edit.file}:{edit.line}"
    return (edit_line(title, edit, automatic=True),)


CHECKS = (
    Check(
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
        judge_file=_flags,
    ),
)
