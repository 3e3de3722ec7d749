"""Run the checks; an unknown fact is reported as "skipped", and an exception as an error.

A defect in one check must neither hide the findings of the others nor go unnoticed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from infra.doctor.check import Check, Verdicts
from infra.doctor.finding import Finding, Location, Verdict, skip
from infra.doctor.subjects import FileSubject, HostSubject
from infra.host.facts import HostFacts, Unknown

S = TypeVar("S", HostSubject, FileSubject)


def run_checks(
    checks: Iterable[Check], host: HostSubject | None, files: Sequence[FileSubject] = ()
) -> list[Finding]:
    """Return the findings of each check, first about the host and then about each file."""
    findings: list[Finding] = []
    for check in checks:
        if host is not None and check.is_idle(host.facts):
            continue
        if host is not None and check.judge_host is not None:
            findings += _run(check, check.judge_host, host, None)
        if check.judge_file is not None:
            for subject in files:
                top = Location(subject.file.path, 1)
                findings += _run(check, check.judge_file, subject, top)
    return findings


def _run(
    check: Check, judge: Callable[[S], Verdicts], subject: S, top: Location | None
) -> list[Finding]:
    """Return a check's findings about one subject; those without a location are placed at `top`."""
    unknown = _explain_unknown(check, subject.facts)
    if unknown:
        return [check.report(replace(skip(f"Cannot check. {unknown}"), location=top))]
    try:
        verdicts = _list_verdicts(judge(subject))
    except Exception as error:
        return [check.report_failure(error, top)]
    return [
        check.report(replace(verdict, location=verdict.location or top)) for verdict in verdicts
    ]


def _explain_unknown(check: Check, facts: HostFacts) -> str:
    """Return which of the needed facts are unknown, and why; an empty string if all are known."""
    return "; ".join(
        f"{name}: {fact.reason}"
        for name in check.needs
        if isinstance(fact := getattr(facts, name), Unknown)
    )


def _list_verdicts(verdicts: Verdicts) -> list[Verdict]:
    return [verdicts] if isinstance(verdicts, Verdict) else list(verdicts)
