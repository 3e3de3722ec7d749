from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.host.recording import load
from qca.core.config import Config
from qca.report.host import Host, look_at
from tests.support.run_folders import CONFIG

HOSTS = Path(__file__).parents[1] / "hosts"
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture(scope="session")
def host() -> Host:
    """A recorded host with findings that are errors, warnings, notes and well."""
    return recorded("v1-bundle")


def recorded(name: str) -> Host:
    return look_at(load(HOSTS / f"{name}.json"), Config(), CONFIG)
