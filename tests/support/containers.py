"""A container of the stack, as the engine describes it."""

from typing import Any

from infra.stack.containers import Container, parse_container


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
