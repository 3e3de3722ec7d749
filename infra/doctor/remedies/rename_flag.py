"""Build the remedies for a flag that Dragonfly does not accept: rename it or remove it."""

from infra.compose_file.line_edits import Edit
from infra.compose_file.model import ComposeFile
from infra.doctor.finding import Remedy
from infra.doctor.remedies.line_edit import edit_line, replace_on_line
from infra.doctor.remedies.set_flag import change_word
from infra.dragonfly.cron import convert_save_schedule
from infra.dragonfly.flag_faults import FaultKind, FlagFault, is_accepted
from infra.dragonfly.flag_table import Standing, find_standing
from infra.dragonfly.service import Dragonfly

# The kinds of places in which a word may contain spaces; Compose splits a command string at spaces.
_PLACES_FOR_BLANKS = ("item", "in brackets")


def offer_for_fault(
    file: ComposeFile, dragonfly: Dragonfly, fault: FlagFault
) -> tuple[Remedy, ...]:
    """Return the remedies that replace or remove a faulty flag."""
    if fault.flag == "save_schedule" and fault.kind is FaultKind.RULE:
        return _offer_crontab(file, dragonfly, fault)
    if fault.kind is not FaultKind.NAME:
        return ()
    prefix = "" if fault.given.words else "DFLY_"
    written, service = prefix + fault.flag.partition(" ")[0], dragonfly.service.name
    removal = Remedy(f"Remove {written} from service {service}")
    return (*_offer_name(file, dragonfly, fault), removal)


def _offer_name(file: ComposeFile, dragonfly: Dragonfly, fault: FlagFault) -> tuple[Remedy, ...]:
    """Offer the correct flag name if it resolves this fault and causes no new one."""
    _, blank, value = fault.flag.partition(" ")
    value = value.strip() if blank else fault.given.value
    if not fault.instead or fault.instead in dragonfly.flags:
        return ()
    if not is_accepted(fault.instead, value, dragonfly.flags, dragonfly.release):
        return ()
    written = fault.instead + (f"={value}" if blank else "")
    at = fault.given.words[0] if fault.given.words else fault.given
    edit = replace_on_line(file, at, fault.flag, written)
    return (_write(edit, fault.flag, written, automatic=fault.is_sure),) if edit else ()


def _offer_crontab(file: ComposeFile, dragonfly: Dragonfly, fault: FlagFault) -> tuple[Remedy, ...]:
    """Offer the crontab that is equivalent to save_schedule's value."""
    crontab, successor = convert_save_schedule(fault.given.value), "snapshot_cron"
    has_successor = find_standing(successor, dragonfly.release) is Standing.PRESENT
    if not crontab or not has_successor or successor in dragonfly.flags:
        return ()
    words, written = fault.given.words, f"--{successor}={crontab}"
    place = words[0].place if len(words) == 1 else None
    if place is None or place.kind not in _PLACES_FOR_BLANKS:
        return (Remedy(f"Replace save_schedule with '{written}', as one word"),)
    edit = change_word(file, words[0], written)
    return (_write(edit, "save_schedule", written, automatic=True),) if edit else ()


def _write(edit: Edit, old: str, new: str, *, automatic: bool) -> Remedy:
    title = f"Replace {old} with {new} at {edit.file}:{edit.line}"
    return edit_line(title, edit, automatic=automatic)
