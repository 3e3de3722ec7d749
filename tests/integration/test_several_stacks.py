"""Two runs of one folder at once, each with its own stack, launched in the background."""

import json
import signal

from tests.support.program import ENDLESS
from tests.support.stack import Stack
from tests.support.terminal import open_terminal
from tests.support.waiting import wait_for


def list_names(stack: Stack) -> set[str]:
    words = ("ps", "--format", "{{.Names}}", "--filter", f"name={stack.project}")
    return set(stack.engine.run(*words).stdout.split())


def test_two_runs_train_at_once_and_are_stopped_one_by_one(stack):
    for run in ("first", "second"):
        done = stack.up("--detach", "--run", run, *ENDLESS)
        assert f"`qca attach {run}` follows it" in done.stderr
    first, second = stack.project, f"{stack.project}-second"
    services = ("store", "trainer")
    assert list_names(stack) == {f"{name}-{one}-1" for name in (first, second) for one in services}

    with open_terminal(stack.qca, "attach", "second") as terminal:
        wait_for(lambda: "loss " in terminal.read())
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(30) == 0
    assert "run first uses" in stack.qca("plan", "--run", "third", "--format", "json").stdout
    found = json.loads(stack.qca("runs", "--format", "json").stdout)["runs"]
    assert {one["name"]: one["state"] for one in found} == {"first": "running", "second": "running"}

    stack.qca("down", "second")
    assert list_names(stack) == {f"{first}-{one}-1" for one in services}
    assert stack.list_checkpoints("second")[-1] == stack.metrics("second")[-1]
    stack.qca("down", "--all")
    assert not any(stack.list_leftovers().values())
    assert {path.name for path in stack.folder.iterdir()} == {"qca.toml", "runs"}
