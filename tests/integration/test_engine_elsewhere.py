"""A run on an engine without this machine's files, from its start to its copy here."""

import json
import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest

from infra.stack.compose_document import STORE_FLAGS
from tests.support.namespace import hide_folder
from tests.support.program import ENDLESS, Program
from tests.support.relay import relay_to
from tests.support.stack import Stack


@pytest.fixture
def far(stack: Stack) -> Iterator[Stack]:
    """A stack whose folder the engine, reached through TCP, cannot access."""
    config = (stack.folder / "qca.toml").read_text()
    with (
        hide_folder(stack.folder) as hidden,
        relay_to(stack.engine.host.removeprefix("unix://")) as port,
    ):
        (hidden.path / "qca.toml").write_text(config)
        variables = {**stack.qca.variables, "DOCKER_HOST": f"tcp://127.0.0.1:{port}"}
        qca = Program(hidden.path, variables, before=hidden.enter)
        yield replace(stack, folder=hidden.path, qca=qca)


def test_a_run_is_trained_read_copied_here_and_taken_down(far):
    assert "`qca fetch first` copies it here" in far.up().stderr
    document = json.loads(far.qca("status", "--format", "json").stdout)
    assert document["last_episode"]["episode"] == 6
    assert "episode 6" in far.qca("logs", "trainer").stdout
    assert_only_the_user_can_read_the_password(far)
    [listed] = json.loads(far.qca("runs", "--format", "json").stdout)["runs"]
    assert (listed["state"], listed["episode"], listed["size_bytes"]) == ("complete", 6, None)

    far.qca("down")
    assert far.list_leftovers()["volumes"] == {f"{far.project}_runs"}
    [listed] = json.loads(far.qca("runs", "--format", "json").stdout)["runs"]
    assert (listed["name"], listed["state"]) == ("first", "in a volume")
    assert listed["where"] == f"volume {far.project}_runs"
    assert "is in the volume" in far.qca("runs", "rm", "first", "--yes", check=2).stderr
    far.qca("fetch", "first")
    assert far.metrics() == [1, 2, 3, 4, 5, 6]
    far.qca("down", "--volumes")
    assert not (far.folder / ".qca").exists()
    assert not any(far.list_leftovers().values())


def assert_only_the_user_can_read_the_password(far: Stack) -> None:
    for service in ("store", "trainer"):
        assert far.password() not in json.dumps(far.inspect(service))
    mode, _, uid, gid, *_ = far.run_inside("store", "ls", "-ln", STORE_FLAGS).split()
    assert (mode, f"{uid}:{gid}") == ("-r--------", far.inspect("store")["Config"]["User"])


@pytest.mark.slow
def test_a_resumed_run_is_copied_again(far):
    with far.qca.start("up", "--runtime", "compose", *ENDLESS) as up:
        up.wait_for_stderr("episode ")
        far.qca("fetch", "first")
        copied = far.metrics()
        [listed] = json.loads(far.qca("runs", "--format", "json").stdout)["runs"][1:]
        assert (listed["name"], listed["state"]) == ("first", "running")
        assert listed["episode"] > 0
        assert listed["size_bytes"] > 1000
        done = up.end(signal.SIGINT)
    assert done.returncode == 130
    assert "`qca fetch first` copies it here" in done.stderr
    assert "Saved in" not in done.stderr  # the copy here is older
    far.qca("fetch", "first")
    assert len(far.metrics()) >= len(copied) > 0
    assert not far.list_leftovers()["containers"]
