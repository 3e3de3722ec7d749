"""Apply the remedies that are safe to automate, and take back those that did not help."""

import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from infra.compose_file.line_edits import apply_edits, restore_files
from infra.doctor.finding import Finding, Remedy, Severity
from qca.core.errors import InputError, QcaError

# Linking a file takes no time, Compose V1 in an environment of its own a download of 2 MB.
_COMMAND_SECONDS = 300


@dataclass(frozen=True)
class Proposal:
    """A remedy that `--fix` may apply, and what it is for."""

    finding: Finding
    remedy: Remedy

    @property
    def milder(self) -> tuple[Remedy, ...]:
        """The remedies that come before it: they change less, and nobody can type them for us."""
        return self.finding.remedies[: self.finding.remedies.index(self.remedy)]


@dataclass(frozen=True)
class Outcome:
    """What came of a remedy."""

    proposal: Proposal
    helped: bool
    detail: str


def proposals(findings: Iterable[Finding]) -> list[Proposal]:
    """Return the first automatic remedy of each finding that wants one."""
    return [
        Proposal(finding, remedy)
        for finding in findings
        if finding.severity in (Severity.WARNING, Severity.ERROR)
        for remedy in [one for one in finding.remedies if one.automatic][:1]
    ]


def apply(
    proposal: Proposal,
    examine_again: Callable[[], Sequence[Finding]],
    before: Sequence[Finding] | None = None,
) -> Outcome:
    """Run a remedy's commands, look again, and undo them if the finding is still there.

    An edit must bring no error that was not among those `before`, either.
    """
    if proposal.remedy.edits:
        return _edit(proposal, examine_again, before)
    try:
        error = _run(proposal.remedy.commands)
        if not error and not _still_there(proposal.finding, examine_again()):
            return Outcome(proposal, helped=True, detail=_HELPED)
    except BaseException:  # Ctrl-C, too, leaves nothing half done
        _run(proposal.remedy.undo)
        raise
    undone = _run(proposal.remedy.undo)
    return Outcome(proposal, False, f"{error or _NO_HELP}; {undone or _TAKEN_BACK}")


_HELPED, _NO_HELP = "the finding is gone", "the finding is still there"
_TAKEN_BACK = "taken back"


def _edit(
    proposal: Proposal,
    examine_again: Callable[[], Sequence[Finding]],
    known: Sequence[Finding] | None,
) -> Outcome:
    """Change the file; what cannot be read afterwards, or did not help, gets its old text."""
    try:
        before = apply_edits(proposal.remedy.edits)
    except QcaError as error:
        return Outcome(proposal, False, f"{error.message}; nothing was changed")
    try:
        now = examine_again()
        new = _new_error(known, now) if known is not None else None
        if not new and not _still_there(proposal.finding, now):
            return Outcome(proposal, helped=True, detail=_HELPED)
        reason = f"it brings {new.id}: {' '.join(new.message.split())}" if new else _NO_HELP
    except InputError as error:
        reason = error.message
    except BaseException:
        restore_files(before)
        raise
    restore_files(before)
    return Outcome(proposal, False, f"{reason}; {_TAKEN_BACK}")


def _new_error(known: Sequence[Finding], now: Sequence[Finding]) -> Finding | None:
    subjects = {one.subject for one in known if one.severity is Severity.ERROR}
    errors = (one for one in now if one.severity is Severity.ERROR)
    return next((one for one in errors if one.subject not in subjects), None)


def _still_there(finding: Finding, now: Sequence[Finding]) -> bool:
    return any(
        other.subject == finding.subject and other.severity not in (Severity.OK, Severity.INFO)
        for other in now
    )


def _run(commands: Sequence[str]) -> str:
    """Run the commands as they are printed; return what went wrong, or nothing."""
    for command in commands:
        try:
            done = subprocess.run(
                ["bash", "-c", command],
                capture_output=True,
                text=True,
                timeout=_COMMAND_SECONDS,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"`{command}` could not be run: {error}"
        if done.returncode:
            words = (done.stderr or done.stdout).strip()
            return f"`{command}` ended with {done.returncode}: {words}"
    return ""
