"""What is told of a container that did not come up."""

from types import SimpleNamespace

import pytest

from infra.stack import containers


def container(log: list[tuple[int, str]] | None, *, oom: bool = False) -> SimpleNamespace:
    results = [SimpleNamespace(exit_code=code, output=output) for code, output in log or ()]
    health = None if log is None else SimpleNamespace(log=results)
    return SimpleNamespace(state=SimpleNamespace(health=health, oom_killed=oom))


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (container(None), ""),
        (container([]), ""),
        (container([(1, "early"), (0, "PONG")]), ""),
        (
            container([(127, "sh: 1:\nredis-cli: not found\n")]),
            "said: sh: 1: redis-cli: not found.",
        ),
        (container([(1, "")]), "said: nothing."),
        (container([(1, "x" * 4096)]), f"said: {'x' * 300}."),
        (container(None, oom=True), "over its memory limit"),
    ],
)
def test_a_failing_check_and_a_lack_of_memory_are_said(found, message, monkeypatch):
    monkeypatch.setattr(containers, "list_containers", lambda _: {"store": found})
    stack = SimpleNamespace(compose=SimpleNamespace(logs=lambda **_: "bye\n"))
    tail = containers.log_tail(stack, "store")  # type: ignore[arg-type]
    assert message in tail
    assert ("Its health check" in tail) is ("said" in message)
    assert tail.endswith("Its last words:\n  bye")
