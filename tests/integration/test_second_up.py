"""A second `qca up` in a folder with a stack changes nothing if it fails before the start."""

import json
from collections.abc import Iterator

import pytest

from tests.support.program import ENDLESS
from tests.support.stack import Stack, new_stack


@pytest.fixture(scope="module")
def stack(engine, settings, tmp_path_factory) -> Iterator[Stack]:
    """A stack whose training is complete and whose store runs."""
    with new_stack(engine, tmp_path_factory.mktemp("second"), settings) as stack:
        stack.up()
        yield stack


def looks(stack: Stack) -> tuple[object, ...]:
    """Return the start time of the store, and the files of the state folder."""
    state = stack.inspect("store")["State"]
    files = {path.name: path.read_bytes() for path in (stack.folder / ".qca" / "first").iterdir()}
    files.pop("lock")
    return state["StartedAt"], state["Health"]["Status"], files


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--store-image", "127.0.0.1:9/nowhere:1"), "docker pull"),
        (("--base-image", "qca-testbed/tiny:1"), "python3: not found"),
        (("--maxmemory", "256MiB", "--proactor-threads", "2"), "QCA301"),
    ],
    ids=["no image", "no build", "no plan"],
)
def test_a_failed_start_does_not_change_the_earlier_stack(stack, words, said):
    before = looks(stack)
    done = stack.up("--run", "another", *words, check=1)
    assert said in done.stderr
    assert looks(stack) == before
    assert json.loads(stack.qca("status", "--format", "json").stdout)["run"] == "first"


def test_a_password_that_others_can_read_is_not_used(stack):
    file = stack.folder / ".qca" / "first" / "store.flags"
    before = looks(stack)
    file.chmod(0o444)
    try:
        done = stack.up(check=2)
    finally:
        file.chmod(0o400)
    assert f"{file.relative_to(stack.folder)}: other users can read" in done.stderr
    assert "qca down" in done.stderr
    assert looks(stack) == before


def test_a_second_up_says_what_happens_to_a_trainer_that_is_running(
    engine, settings, tmp_path_factory
):
    with new_stack(engine, tmp_path_factory.mktemp("running"), settings) as stack:
        stack.up("--detach", *ENDLESS)
        trainer = stack.inspect("trainer")["Id"]

        again = stack.up("--detach", *ENDLESS).stderr
        assert f"Project {stack.project} is running already" in again
        assert "The trainer was already running with these settings" in again
        assert stack.inspect("trainer")["Id"] == trainer

        changed = stack.up("--detach", *ENDLESS, "--learning-rate", "0.001").stderr
        assert "The trainer was replaced by one with the new settings" in changed
        assert stack.inspect("trainer")["Id"] != trainer

        with stack.qca.start("up", "--runtime", "compose", *ENDLESS) as following:
            following.wait_for_stderr("episode ")
            assert "another `qca up`" in stack.up("--detach", *ENDLESS, check=1).stderr
