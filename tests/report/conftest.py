from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.host.recording import load
from qca.cli.report_data import describe_host
from qca.core.config import Config
from qca.report.host_section import HostSection
from qca.runs.evaluation import Evaluation, Statistic, Trial
from tests.support.run_folders import CONFIG

HOSTS = Path(__file__).parents[1] / "hosts"
VALUES = {"loss": Statistic(2.0, 0.25), "norm_error": Statistic(None, None)}
EVALUATION = Evaluation(
    "first",
    6,
    "evolutionary",
    8,
    0,
    [
        Trial("first", "as trained", 5, 8, VALUES, Statistic(-1.5, 0.125)),
        Trial("untrained", "as trained", 5, 8, VALUES),
        Trial("first", "4x the grid", 5, 32, VALUES, Statistic(-0.5, 0.5)),
        Trial("untrained", "4x the grid", 5, 32, VALUES),
    ],
)
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture(scope="session")
def host() -> HostSection:
    """Return a recorded host with errors, warnings, notes and passed checks."""
    return describe_recorded_host("v1-bundle")


def describe_recorded_host(name: str) -> HostSection:
    return describe_host(load(HOSTS / f"{name}.json"), Config(), CONFIG)
