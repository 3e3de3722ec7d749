"""The health of a container, derived from the engine's description of its state."""

from datetime import UTC, datetime

import pytest

from infra.stack.containers import health_of
from tests.support.containers import container


@pytest.mark.parametrize(
    ("state", "health"),
    [
        ({}, "waiting"),
        ({"Health": {"Status": "starting"}}, "waiting"),
        ({"Health": {"Status": "healthy"}}, "healthy"),
        ({"Health": {"Status": "unhealthy"}}, "failed"),
        ({"Status": "restarting", "ExitCode": 1}, "waiting"),
        ({"Status": "created"}, "waiting"),
        ({"Status": "exited", "Health": {"Status": "unhealthy"}}, "done"),
        ({"Status": "exited", "ExitCode": 137, "Health": {"Status": "healthy"}}, "failed"),
        ({"Status": "dead"}, "failed"),
    ],
)
def test_state_and_health_are_combined(state, health):
    assert health_of(container(**state)) == health


def test_its_start_is_known_to_the_microsecond():
    assert container().started_at == datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)


@pytest.mark.parametrize("health", [None, {"Status": "starting"}])
def test_without_a_health_check_none_has_failed(health):
    assert container(**({"Health": health} if health else {})).failed_check is None
