"""Apply the remedies that are safe to automate, and undo those that do not help."""

import subprocess
from collections.abc import Callable, Iterable, Sequence
from tempfile import TemporaryDirectory

from infra.compose_file.line_edits import apply_edits, restore_files
from infra.doctor.finding import Finding, Remedy, Severity
from qca.core.diagnostics import log_command
from qca.core.errors import InputError, QcaError
from qca.core.frozen import frozen_dataclass

# Linking a file is instant; installing Compose V1 in a virtual environment downloads 2 MB.
_COMMAND_SECONDS = 300


@frozen_dataclass
class Proposal:
    """A remedy that `--fix` may apply, and its finding."""

    finding: Finding
    remedy: Remedy

    @property
    def manual_remedies(self) -> tuple[Remedy, ...]:
        """The remedies listed before this one, which change less but need manual steps."""
        return self.finding.remedies[: self.finding.remedies.index(self.remedy)]


@frozen_dataclass
class Outcome:
    """The outcome of applying a remedy."""

    proposal: Proposal
    helped: bool
    detail: str


def list_proposals(findings: Iterable[Finding]) -> list[Proposal]:
    """Return the first automatic remedy of each warning and error that has one."""
    return [
        Proposal(finding, remedy)
        for finding in findings
        if finding.severity in (Severity.WARNING, Severity.ERROR)
        for remedy in [remedy for remedy in finding.remedies if remedy.automatic][:1]
    ]


def apply_remedy(
    proposal: Proposal,
    examine_again: Callable[[], Sequence[Finding]],
    before: Sequence[Finding] | None = None,
) -> Outcome:
    """Apply a remedy, examine again, and undo the remedy if the finding is still reported.

    An edit is also undone if it causes an error that is not in `before`.
    """
    if proposal.remedy.edits:
        return _edit_files(proposal, examine_again, before)
    try:
        error = _run(proposal.remedy.commands)
        if not error and is_cleared(proposal.finding, examine_again()):
            return Outcome(proposal, helped=True, detail=_HELPED)
    except BaseException:  # leave no partial change, even on Ctrl-C
        _run(proposal.remedy.undo)
        raise
    undo_error = _run(proposal.remedy.undo)
    return Outcome(proposal, helped=False, detail=f"{error or _NO_HELP}; {undo_error or _UNDONE}")


_HELPED = "the problem is fixed"
_NO_HELP = "the finding is still reported, or it cannot be determined whether it is"
_UNDONE = "undone"


def _edit_files(
    proposal: Proposal,
    examine_again: Callable[[], Sequence[Finding]],
    findings_before: Sequence[Finding] | None,
) -> Outcome:
    """Make the edits; restore the files if the edits do not help or make the files unreadable."""
    try:
        texts_before = apply_edits(proposal.remedy.edits)
    except QcaError as error:
        return Outcome(proposal, helped=False, detail=f"{error.message}; nothing was changed")
    try:
        reason = _find_objection(proposal.finding, findings_before, examine_again())
    except InputError as error:
        reason = error.message
    except BaseException:
        restore_files(texts_before)
        raise
    if not reason:
        return Outcome(proposal, helped=True, detail=_HELPED)
    restore_files(texts_before)
    return Outcome(proposal, helped=False, detail=f"{reason}; {_UNDONE}")


def _find_objection(
    finding: Finding, before: Sequence[Finding] | None, now: Sequence[Finding]
) -> str:
    """Return why the edits should be undone, or an empty string if they helped."""
    new = _find_new_error(before, now) if before is not None else None
    if new:
        return f"it causes {new.id}: {' '.join(new.message.split())}"
    return "" if is_cleared(finding, now) else _NO_HELP


def _find_new_error(before: Sequence[Finding], now: Sequence[Finding]) -> Finding | None:
    subjects = {finding.subject for finding in before if finding.severity is Severity.ERROR}
    errors = (finding for finding in now if finding.severity is Severity.ERROR)
    return next((error for error in errors if error.subject not in subjects), None)


def is_cleared(finding: Finding, now: Sequence[Finding]) -> bool:
    """Return whether the same check examined the subject again and found no fault.

    A missing finding proves nothing, because the check may have failed or lacked a fact.
    """
    again = [other for other in now if _has_same_service(finding, other)]
    has_failed = any(other.is_check_failure for other in now if other.id == finding.id)
    is_judged = any(_has_judged(finding, other) for other in again)
    return is_judged and not has_failed and not _is_still_reported(finding, now)


def _has_judged(finding: Finding, other: Finding) -> bool:
    """Return whether the check reached a verdict, or at least found the same kinds of evidence."""
    has_same_evidence = bool(finding.evidence) and finding.evidence.keys() <= other.evidence.keys()
    return other.severity is not Severity.SKIPPED or has_same_evidence


def _has_same_service(finding: Finding, other: Finding) -> bool:
    """Return whether both findings have the same check and service; their lines may differ."""
    services = (side.evidence.get("service") for side in (finding, other))
    return other.id == finding.id and len(set(services)) == 1


def _is_still_reported(finding: Finding, now: Sequence[Finding]) -> bool:
    return any(
        other.subject == finding.subject and other.severity not in (Severity.OK, Severity.INFO)
        for other in now
    )


def _run(commands: Sequence[str]) -> str:
    """Run the commands exactly as printed, and return an error message or an empty string.

    They run in an empty folder because Python (`python3 -m venv`) imports from the current folder.
    """
    for command in commands:
        try:
            words = ["bash", "-c", command]
            with log_command(words) as run, TemporaryDirectory(prefix="qca-") as folder:
                process = subprocess.run(
                    words,
                    cwd=folder,
                    capture_output=True,
                    text=True,
                    errors="replace",
                    timeout=_COMMAND_SECONDS,
                    stdin=subprocess.DEVNULL,
                    check=False,
                )
                run.exit_code = process.returncode
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"cannot run `{command}`: {error}"
        if process.returncode:
            output = (process.stderr or process.stdout).strip()
            return f"`{command}` exited with {process.returncode}: {output}"
    return ""
