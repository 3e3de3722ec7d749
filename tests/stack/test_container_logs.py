"""The end of a container's log, with the known reasons for its failure to start."""

from types import SimpleNamespace
from typing import cast

import pytest
from python_on_whales import DockerClient

from infra.stack import container_logs
from tests.support.containers import container


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, ""),
        ({"Health": {"Status": "starting", "Log": []}}, ""),
        ({"Health": {"Log": [(1, "early"), (0, "PONG")]}}, ""),
        (
            {"Health": {"Log": [(127, "sh: 1:\nredis-cli: not found\n")]}},
            "reported: sh: 1: redis-cli: not found.",
        ),
        ({"Health": {"Log": [(1, "")]}}, "reported: nothing."),
        ({"Health": {"Log": [(1, "x" * 4096)]}}, f"reported: {'x' * 300}."),
        ({"OOMKilled": True}, "exceeded its memory limit"),
    ],
)
def test_a_failing_check_and_a_lack_of_memory_are_reported(state, message, monkeypatch):
    monkeypatch.setattr(container_logs, "_list_containers", lambda _: {"store": container(**state)})
    compose = SimpleNamespace(logs=lambda **_: "bye\n")
    stack = cast(DockerClient, SimpleNamespace(compose=compose))
    tail = container_logs.log_tail(stack, "store")
    assert message in tail
    assert ("Its health check" in tail) is ("reported" in message)
    assert tail.endswith("The end of its log:\n  bye")
