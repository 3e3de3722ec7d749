"""Apply the remedies that are safe to automate, and take back those that did not help."""

import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from infra.doctor.check import Finding, Remedy, Severity

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


def apply(proposal: Proposal, examine_again: Callable[[], Sequence[Finding]]) -> Outcome:
    """Run a remedy's commands, look again, and undo them if the finding is still there."""
    try:
        error = _run(proposal.remedy.commands)
        if not error and not _still_there(proposal.finding, examine_again()):
            return Outcome(proposal, helped=True, detail="the finding is gone")
    except BaseException:  # Ctrl-C, too, leaves nothing half done
        _run(proposal.remedy.undo)
        raise
    detail = error or "the finding is still there"
    undone = _run(proposal.remedy.undo)
    return Outcome(proposal, False, f"{detail}; {undone or 'taken back'}")


def _still_there(finding: Finding, now: Sequence[Finding]) -> bool:
    return any(
        other.id == finding.id
        and other.location == finding.location
        and other.severity not in (Severity.OK, Severity.INFO)
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
