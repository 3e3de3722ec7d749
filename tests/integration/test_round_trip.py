"""A round trip on the real engine, from an empty folder to a trained model and back."""

import json

STATE = {".env", "compose.yaml", "launch.json", "lock", "store.flags"}


def test_up_trains_and_down_leaves_the_engine_as_it_was(stack):
    done = stack.up()
    assert done.stdout == ""
    assert "episode 6/6" in done.stderr
    assert "Done: 6 episodes" in done.stderr
    assert {path.name for path in (stack.folder / ".qca" / "first").iterdir()} == STATE
    assert stack.metrics() == [1, 2, 3, 4, 5, 6]
    assert stack.list_checkpoints() == [2, 4, 6]
    assert [record["episode"] for record in stack.read_stream()] == [1, 2, 3, 4, 5, 6]
    assert "Run folder: runs/first" in done.stderr
    assert_status_tells_the_end(stack)

    again = stack.up()
    assert "This run is complete: 6 episodes" in again.stderr
    assert stack.metrics() == [1, 2, 3, 4, 5, 6]
    assert [record["episode"] for record in stack.read_stream()] == [1, 2, 3, 4, 5, 6]

    stack.qca("down")
    assert not any(stack.list_leftovers().values())
    assert not (stack.folder / ".qca").exists()

    longer = stack.up("--episodes", "7")
    assert "episode 7/7" in longer.stderr
    assert [record["episode"] for record in stack.read_stream()] == [1, 2, 3, 4, 5, 6, 7]

    stack.qca("down", "--volumes")
    assert not any(stack.list_leftovers().values())
    assert sorted(path.name for path in stack.folder.iterdir()) == ["qca.toml", "runs"]


def assert_status_tells_the_end(stack):
    status = json.loads(stack.qca("status", "--format", "json").stdout)
    assert (status["runtime"], status["project"], status["run"]) == (
        "compose",
        stack.project,
        "first",
    )
    store, trainer = status["services"]
    assert store == {"name": "store", "state": "running", "health": "healthy", "exit_code": None}
    assert (trainer["state"], trainer["exit_code"]) == ("exited", 0)
    assert status["last_episode"]["episode"] == 6
