"""The health of a container, derived from the engine's description of its state."""

from datetime import UTC, datetime
from typing import Any

import pytest

from infra.stack.containers import Container, health_of, parse_container


def container(**state: Any) -> Container:
    """Return a running container with this state; a health check is given as exit code and
    output."""
    health = state.get("Health")
    if health and "Log" in health:
        log = [{"ExitCode": code, "Output": output} for code, output in health["Log"]]
        state["Health"] = {"Status": "unhealthy", **health, "Log": log}
    running = {
        "Status": "running",
        "ExitCode": 0,
        "OOMKilled": False,
        "StartedAt": "2026-01-02T03:04:05.123456789Z",
    }
    labels = {"com.docker.compose.service": "store"}
    return parse_container(
        {"Id": "0123abcd", "Config": {"Labels": labels}, "State": {**running, **state}}
    )


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
