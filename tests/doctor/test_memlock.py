"""QCA304: who may ask for locked memory, by what the daemon's process may give."""

from pathlib import Path

import pytest

from infra.doctor.examine import examine
from infra.doctor.finding import Finding, Severity
from tests.support.hosts import compose_file, config, engine, host, no_engine

OK, ERROR, SKIPPED = Severity.OK, Severity.ERROR, Severity.SKIPPED
EIGHT_MIB = 8 * 2**20


def _judged(folder: Path, limits: str, most: int | None, **facts: object) -> Finding:
    file = compose_file(folder, f"services:\n  cache:\n    image: x\n    ulimits: {limits}\n")
    given = facts or {"docker": engine(most_memlock=most)}
    findings = examine(host(**given), config(), files=[file])
    return next(f for f in findings if f.id == "QCA304" and f.location)


@pytest.mark.parametrize(
    ("limits", "most", "severity"),
    [
        ("{memlock: -1}", -1, OK),
        ("{memlock: -1}", EIGHT_MIB, ERROR),
        ("{memlock: {soft: -1, hard: -1}}", EIGHT_MIB, ERROR),
        ("{memlock: 8388608}", EIGHT_MIB, OK),
        ("{memlock: 8388609}", EIGHT_MIB, ERROR),
        ("{memlock: -1}", None, SKIPPED),
        ("{memlock: lots}", EIGHT_MIB, SKIPPED),
    ],
)
def test_verdict(tmp_path, limits, most, severity):
    finding = _judged(tmp_path, limits, most)

    assert finding.severity is severity, finding.message
    assert finding.location is not None
    assert finding.location.line == 4
    if severity is ERROR:
        assert "rlimit type 8: operation not permitted" in finding.message


def test_without_an_engine_it_cannot_be_told(tmp_path):
    finding = _judged(tmp_path, "{memlock: -1}", None, docker=no_engine("not-running"))

    assert finding.severity is SKIPPED
