"""Containers of a run in progress are killed, stopped, paused and disconnected from outside."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.program import ENDLESS, Running
from tests.support.stack import Stack
from tests.support.waiting import wait_for

slow = pytest.mark.slow


def kill_process(stack: Stack, service: str) -> None:
    """Kill a process as the kernel does when memory runs out; `docker kill` would prevent a
    restart."""
    pid = str(stack.inspect(service)["State"]["Pid"])
    stack.engine.run("run", "--rm", "--pid=host", stack.engine.images.tiny, "kill", "-9", pid)


def the_trainer_dies(stack: Stack, up: Running) -> None:
    """The restart policy restarts the trainer."""
    starts = up.read_stderr().count("Training `first`")
    kill_process(stack, "trainer")
    wait_for(lambda: up.read_stderr().count("Training `first`") > starts)


def the_store_dies(stack: Stack, up: Running) -> None:
    """The restart policy restarts the store, which is then empty."""
    kill_process(stack, "store")
    goes_on(stack)


def the_store_is_stopped(stack: Stack, up: Running) -> None:
    container = f"{stack.project}-store-1"
    stack.engine.run("stop", container)
    goes_on(stack)
    stack.engine.run("start", container)


def the_store_is_frozen(stack: Stack, up: Running) -> None:
    container = f"{stack.project}-store-1"
    stack.engine.run("pause", container)
    time.sleep(3)  # longer than the trainer waits for an answer
    goes_on(stack)
    stack.engine.run("unpause", container)


def the_network_is_cut(stack: Stack, up: Running) -> None:
    ends = (f"{stack.project}_internal", f"{stack.project}-trainer-1")
    stack.engine.run("network", "disconnect", *ends)
    time.sleep(3)
    goes_on(stack)
    stack.engine.run("network", "connect", *ends)


def goes_on(stack: Stack) -> None:
    """Episodes continue meanwhile."""
    made = stack.metrics()[-1]
    wait_for(lambda: stack.metrics()[-1] > made + 2)


def the_store_catches_up(stack: Stack) -> None:
    """While the store restarts, looking up its name may take long."""
    made = stack.metrics()[-1]
    wait_for(lambda: any(record["episode"] >= made for record in stack.read_stream()))


Blow = Callable[[Stack, Running], None]

SOME: list[Blow] = [the_trainer_dies, the_store_dies, the_network_is_cut]
MORE: list[Blow] = [the_store_is_stopped, the_store_is_frozen, the_network_is_cut, the_store_dies]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("blows", [SOME, pytest.param([*SOME, *MORE, *SOME], marks=slow)], ids=len)
def test_disturbed_containers_lose_no_episode(stack, blows):
    with stack.qca.start("up", "--runtime", "compose", *ENDLESS) as up:
        up.wait_for_stderr("episode ")
        for blow in blows:
            blow(stack, up)
        the_store_catches_up(stack)
        stack.engine.run("stop", f"{stack.project}-trainer-1")
        assert up.end().returncode == 0
    assert stack.list_checkpoints()[-1] == stack.metrics()[-1]
    assert_nothing_was_lost(stack)


@slow
@pytest.mark.parametrize("service", ["trainer", "store"])
def test_after_a_killed_container_the_next_up_resumes(stack, service):
    """The engine does not restart a container after `docker kill`."""
    with stack.qca.start("up", "--runtime", "compose", *ENDLESS) as up:
        up.wait_for_stderr("episode ")
        goes_on(stack)
        stack.engine.run("kill", f"{stack.project}-{service}-1")
        if service == "store":
            goes_on(stack)
            stack.engine.run("kill", f"{stack.project}-trainer-1")
        done = up.end()
        assert done.returncode == 1
        assert "`qca up` resumes from the last" in done.stderr
    stack.up("--episodes", stack.metrics()[-1] + 2)
    assert_nothing_was_lost(stack)


def assert_nothing_was_lost(stack: Stack) -> None:
    """Each episode occurs once, also in the store, with the numbers of an undisturbed run."""
    ours = records(stack, "first")
    assert [record["episode"] for record in ours] == list(range(1, len(ours) + 1))
    assert stack.read_stream() == ours
    stack.up("--run", "calm", "--episodes", len(ours))
    assert learned(ours) == learned(records(stack, "calm"))


def records(stack: Stack, run: str) -> list[dict[str, Any]]:
    file = stack.folder / "runs" / run / "metrics.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()]


def learned(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    measured = {"seconds", "steps_per_second", "memory_bytes", "reserved_bytes"}
    return [{key: value for key, value in r.items() if key not in measured} for r in found]
